"""A catalogue whose rules cannot run is refused, and the message names file and key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from geosatu import checks
from geosatu.errors import InvalidCatalogue
from geosatu.layers import Catalogue, read_catalogue


@pytest.fixture
def declare(catalogue: Catalogue, tmp_path):
    """Add a rule, written as TOML, to a layer of a copy of the catalogue; gives the copy."""
    folder = shutil.copytree(catalogue.folder, tmp_path / "layers")

    def declare(layer: str, rule: str) -> Catalogue:
        with (folder / f"{layer}.toml").open("a", encoding="utf-8") as file:
            file.write(f"\n[[rules]]\n{rule}\n")
        return read_catalogue(folder)

    return declare


def test_the_catalogue_of_the_project_can_run(catalogue: Catalogue):
    checks.verify(catalogue)


def test_every_rule_is_known_by_the_name_of_its_function():
    assert {name: check.function.__name__ for name, check in checks.RULES.items()} == {
        name: name
        for name in (
            "must_be_valid",
            "must_not_have_duplicates",
            "must_not_overlap",
            "must_not_have_gaps",
            "must_be_covered_by",
            "must_be_inside",
        )
    }


@pytest.mark.parametrize(
    ("layer", "rule", "key", "reason"),
    [
        (
            "batas_rw",
            'rule = "must_be_pretty"\nseverity = "error"',
            "rule",
            "aturan must_be_pretty tidak dikenal, yang ada: must_be_covered_by, must_be_inside,",
        ),
        (
            "batas_rw",
            'rule = "must_not_overlap"\nseverity = "error"\nmin_area = 1.0',
            "min_area",
            "aturan must_not_overlap tidak mengenal parameter ini.",
        ),
        (
            "batas_rw",
            'rule = "must_not_overlap"\nseverity = "error"\nmin_area_m2 = "1"',
            "min_area_m2",
            "'1' tidak dapat dipakai, harus bilangan nol atau lebih.",
        ),
        (
            "batas_rw",
            'rule = "must_not_overlap"\nseverity = "error"\nmin_area_m2 = -1',
            "min_area_m2",
            "-1 tidak dapat dipakai, harus bilangan nol atau lebih.",
        ),
        (
            "batas_rw",
            'rule = "must_not_overlap"\nseverity = "error"\nmin_area_m2 = nan',
            "min_area_m2",
            "nan tidak dapat dipakai, harus bilangan nol atau lebih.",
        ),
        (
            "batas_rw",
            'rule = "must_not_overlap"\nseverity = "error"\nmin_area_m2 = true',
            "min_area_m2",
            "True tidak dapat dipakai, harus bilangan nol atau lebih.",
        ),
        (
            "batas_rw",
            'rule = "must_be_covered_by"\nseverity = "error"',
            "layer",
            "aturan must_be_covered_by membutuhkan lapisan pembanding.",
        ),
        (
            "batas_rw",
            'rule = "must_not_overlap"\nseverity = "error"\nlayer = "batas_rt"',
            "layer",
            "aturan must_not_overlap tidak membandingkan dengan lapisan lain.",
        ),
        (
            "batas_rw",
            'rule = "must_be_covered_by"\nseverity = "error"\nlayer = "posyandu"',
            "layer",
            "aturan must_be_covered_by tidak dapat membandingkan dengan geometri Point.",
        ),
        (
            "posyandu",
            'rule = "must_not_have_gaps"\nseverity = "error"',
            "rule",
            "aturan must_not_have_gaps tidak berlaku untuk geometri Point.",
        ),
        (
            "batas_rw",
            'rule = "must_be_inside"\nseverity = "error"\nlayer = "batas_kelurahan"',
            "rule",
            "aturan must_be_inside tidak berlaku untuk geometri MultiPolygon.",
        ),
    ],
)
def test_a_rule_that_cannot_run_is_refused(declare, layer, rule, key, reason):
    wrong = declare(layer, rule)
    number = len(wrong[layer].rules) - 1

    with pytest.raises(InvalidCatalogue) as refusal:
        checks.verify(wrong)

    assert f"{layer}.toml: rules.{number}.{key}: {reason}" in str(refusal.value)


@pytest.fixture
def rules() -> Iterator[dict[str, checks.Check]]:
    """The registered rules, afterwards as they were."""
    before = dict(checks.RULES)
    yield checks.RULES
    checks.RULES.clear()
    checks.RULES.update(before)


@pytest.mark.usefixtures("rules")
def test_a_new_rule_is_one_function(declare):
    @checks.rule()
    def must_be_lucky(frame, *, number: int) -> Iterator[checks.Violation]:
        yield checks.Violation((0,), frame.geometry.iloc[0], f"{number} bukan angka keberuntungan.")

    checks.verify(declare("batas_rw", 'rule = "must_be_lucky"\nseverity = "warning"\nnumber = 7'))
    with pytest.raises(InvalidCatalogue, match=r"number: 7\.5 tidak dapat dipakai, harus bilangan bulat\."):
        checks.verify(declare("batas_rt", 'rule = "must_be_lucky"\nseverity = "warning"\nnumber = 7.5'))


@pytest.mark.usefixtures("rules")
def test_a_parameter_without_default_must_be_given(declare):
    @checks.rule()
    def must_be_lucky(frame, *, number: int) -> Iterator[checks.Violation]:
        yield from ()

    with pytest.raises(InvalidCatalogue, match=r"number: aturan must_be_lucky membutuhkan parameter ini\."):
        checks.verify(declare("batas_rw", 'rule = "must_be_lucky"\nseverity = "warning"'))
