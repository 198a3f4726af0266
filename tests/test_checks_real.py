"""Counts and areas that others measured in real files, in the same UTM zones."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest

from geosatu import checks
from geosatu.layers import Catalogue, Layer

pytestmark = pytest.mark.real

MEASURED = {
    # file: (invalid, overlaps over 1 m², all overlaps in m², gaps over 1 m², all gaps in m²)
    "batas/kediri_kelurahan.geojson": (0, 70, 33_080, 85, 43_915),
    "batas/metro_kelurahan.geojson": (0, 40, 24_080, 115, 32_416),
    "batas/medan_kelurahan.geojson": (0, 217, 176_099, 426, 140_320),
    "batas/kediri_kecamatan.geojson": (0, 2, 71_987, 0, 0),
    "batas/metro_kecamatan.geojson": (0, 6, 2_094_642, 4, 511_077),
    "batas/medan_kecamatan.geojson": (0, 28, 5_347_439, 19, 6_224_917),
    "rt_rw/purwokerto_wetan_rt.geojson": (3, 20, 1_646, 23, 680),
    "rt_rw/jakarta_rw.geojson": (1, 31, 191_597, 1, 849_235),
}


def boundaries(layer: Layer, min_area_m2: float) -> Layer:
    """The layer with the rules that look at it alone, and this threshold."""
    rules = [
        {"rule": "must_be_valid", "severity": "refuse"},
        {"rule": "must_not_overlap", "severity": "error", "min_area_m2": min_area_m2},
        {"rule": "must_not_have_gaps", "severity": "error", "min_area_m2": min_area_m2},
    ]
    return Layer.model_validate({**layer.model_dump(exclude={"rules"}), "rules": rules})


def judge(layer: Layer, frame: geopandas.GeoDataFrame) -> dict[str, list[checks.Finding]]:
    found: dict[str, list[checks.Finding]] = {rule.rule: [] for rule in layer.rules}
    for finding in checks.run(layer, frame, lambda name: frame.iloc[:0]):
        found[finding.rule].append(finding)
    return found


@pytest.mark.parametrize("file", MEASURED)
def test_findings_in_real_boundaries_are_those_measured_by_others(catalogue: Catalogue, real_data: Path, file):
    invalid, overlaps, overlap_m2, gaps, gap_m2 = MEASURED[file]
    frame = geopandas.read_file(real_data / file)

    reported = judge(boundaries(catalogue["batas_kelurahan"], min_area_m2=1.0), frame)
    everything = judge(boundaries(catalogue["batas_kelurahan"], min_area_m2=0.0), frame)

    assert len(reported["must_be_valid"]) == invalid
    assert len(reported["must_not_overlap"]) == overlaps
    assert len(reported["must_not_have_gaps"]) == gaps
    assert round(sum(finding.area_m2 for finding in everything["must_not_overlap"])) == overlap_m2
    assert round(sum(finding.area_m2 for finding in everything["must_not_have_gaps"])) == gap_m2


@pytest.mark.parametrize(
    ("file", "overlap", "gap_m2"),
    [
        ("kediri", "Ngronggo dan Singonegaran tumpang tindih seluas 2.368 m².", 4_429),
        ("metro", "Hadimulyo Barat dan Banjarsari tumpang tindih seluas 2.533 m².", 3_029),
        ("medan", "Belawan Bahari dan Nelayan Indah tumpang tindih seluas 6.244 m².", 5_945),
    ],
)
def test_the_largest_come_first(catalogue: Catalogue, real_data: Path, file, overlap, gap_m2):
    frame = geopandas.read_file(real_data / f"batas/{file}_kelurahan.geojson")
    frame = frame.rename(columns={"kelurahan": "nama", "kode_kemendagri": "kode_wilayah"})

    found = judge(boundaries(catalogue["batas_kelurahan"], min_area_m2=1.0), frame)

    assert found["must_not_overlap"][0].message == overlap
    assert round(found["must_not_have_gaps"][0].area_m2) == gap_m2


def test_real_invalid_villages_are_explained_in_indonesian(catalogue: Catalogue, real_data: Path):
    frame = geopandas.read_file(real_data / "messy/geojson/desa_tidak_valid.geojson")

    invalid = judge(boundaries(catalogue["batas_kelurahan"], min_area_m2=1.0), frame)["must_be_valid"]

    assert sorted(finding.features for finding in invalid) == [(row,) for row in range(13)]
    assert all(finding.place.geom_type == "Point" and not finding.place.is_empty for finding in invalid)
    assert not any(word in finding.message for finding in invalid for word in ("Self", "Ring", "Hole", "Nested"))
