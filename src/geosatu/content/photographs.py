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

MOST_PIXELS = 50_000_000
PICTURE = 1600
"""Pixels of the longer side."""
THUMBNAIL = 320

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
            if width * height > MOST_PIXELS:
                raise InvalidFeature(
                    f"Foto ini {width} x {height} piksel, paling banyak {MOST_PIXELS // 1_000_000} juta piksel. "
                    "Perkecil dahulu."
                )
            kind = KINDS[str(file.format)]
            file.draft("RGB", (PICTURE, PICTURE))
            upright = ImageOps.exif_transpose(file)
            shown = _painted(upright, PICTURE)
    except InvalidFeature:
        raise
    except Exception:  # whatever a broken file makes of its decoder
        raise InvalidFeature("Berkas ini bukan foto JPEG, PNG atau WebP yang utuh. Pilih foto lain.") from None
    return Photograph(body, kind, _jpeg(shown, 82), _jpeg(_painted(shown, THUMBNAIL), 75))


def _painted(image: Image.Image, longest: int) -> Image.Image:
    """The image, no larger than this, on white, in a new one that knows nothing of its file."""
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    new = Image.new("RGB", image.size, "white")
    new.paste(image, mask=image if image.mode == "RGBA" else None)
    return new


def _jpeg(image: Image.Image, quality: int) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
    return file.getvalue()
