"""A photograph as somebody sends it -> the pictures that are shown of it, or why it is none.

What the camera wrote into the file (place, time, the device and its number, EXIF, XMP, comments) stays in the file that
was sent. The pictures are painted anew, pixel by pixel, so that nothing of it can come along.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageOps

from geosatu.errors import InvalidFeature
from geosatu.features import Photograph

LARGEST_PHOTO = 12_000_000
"""Bytes of a file."""

MOST_PIXELS = {"JPEG": 64_000_000, "PNG": 24_000_000, "WEBP": 24_000_000}
"""JPEG is decoded in a smaller size, the others whole."""

PICTURE = 1600
"""Pixels of the longer side."""
THUMBNAIL = 320

SMOOTH = ("RGB", "RGBA", "L", "LA", "CMYK")
"""What is made smaller as it is; of others the colours cannot be mixed."""

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def developed(body: bytes) -> Photograph:
    """The photograph, upright as the camera was held; `InvalidFeature` tells why it cannot be taken."""
    if not body:
        raise InvalidFeature("Foto ini kosong. Pilih berkas fotonya lagi.")
    if len(body) > LARGEST_PHOTO:
        raise InvalidFeature(f"Foto ini terlalu besar, paling banyak {LARGEST_PHOTO // 1_000_000} MB. Perkecil dahulu.")
    try:
        with Image.open(BytesIO(body), formats=tuple(KINDS)) as file:
            width, height = file.size
            form = str(file.format)
            if width * height > (most := MOST_PIXELS[form]):
                raise InvalidFeature(
                    f"Foto ini {width} x {height} piksel, paling banyak {most // 1_000_000} juta. Perkecil dahulu."
                )
            file.draft("RGB", (PICTURE, PICTURE))
            image = file if file.mode in SMOOTH else file.convert("RGBA" if file.has_transparency_data else "RGB")
            image.thumbnail((PICTURE, PICTURE), Image.Resampling.LANCZOS)
            shown = _painted(ImageOps.exif_transpose(image))
    except InvalidFeature:
        raise
    except Exception:  # whatever a broken file makes of its decoder
        raise InvalidFeature("Berkas ini bukan foto JPEG, PNG atau WebP yang utuh. Pilih foto lain.") from None
    picture = _jpeg(shown, 82)
    shown.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    return Photograph(body, KINDS[form], picture, _jpeg(shown, 75))


def _painted(image: Image.Image) -> Image.Image:
    """The image on white, in a new one that knows nothing of its file."""
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    new = Image.new("RGB", image.size, "white")
    new.paste(image, mask=image if image.mode == "RGBA" else None)
    return new


def _jpeg(image: Image.Image, quality: int) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
    return file.getvalue()
