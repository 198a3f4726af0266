"""Holding a catalogue against the rules, before anything is judged by it."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from geosatu.checks.registry import RULES, Check
from geosatu.errors import InvalidCatalogue
from geosatu.layers import Catalogue, Layer, Rule

KINDS = {"number": "bilangan", "integer": "bilangan bulat", "string": "teks", "boolean": "true atau false"}


def verify(catalogue: Catalogue) -> None:
    """Every rule of every layer can run, or an `InvalidCatalogue` names the file and the key."""
    for layer in catalogue:
        for number, rule in enumerate(layer.rules):
            fault = _fault(layer, rule, catalogue)
            if fault is not None:
                key, reason = fault
                file = catalogue.folder / f"{layer.name}.toml"
                raise InvalidCatalogue(f"{file}: rules.{number}.{key}: {reason}.")


def _fault(layer: Layer, rule: Rule, catalogue: Catalogue) -> tuple[str, str] | None:
    """The key that is wrong, and why; None when all is well."""
    check = RULES.get(rule.rule)
    if check is None:
        return "rule", f"aturan {rule.rule} tidak dikenal, yang ada: {', '.join(sorted(RULES))}"
    if layer.geometry not in check.on:
        return "rule", f"aturan {rule.rule} tidak berlaku untuk geometri {layer.geometry}"
    if check.against and rule.layer is None:
        return "layer", f"aturan {rule.rule} membutuhkan lapisan pembanding"
    if rule.layer is not None:
        if not check.against:
            return "layer", f"aturan {rule.rule} tidak membandingkan dengan lapisan lain"
        geometry = catalogue[rule.layer].geometry
        if geometry not in check.against:
            return "layer", f"aturan {rule.rule} tidak dapat membandingkan dengan geometri {geometry}"
    return _parameter_fault(rule, check)


def _parameter_fault(rule: Rule, check: Check) -> tuple[str, str] | None:
    known = check.parameters
    for name, value in rule.parameters.items():
        if name not in known:
            return name, f"aturan {rule.rule} tidak mengenal parameter ini"
        if (wanted := _mismatch(known[name].annotation, value)) is not None:
            return name, f"{value!r} tidak dapat dipakai, harus {wanted}"
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in rule.parameters:
            return name, f"aturan {rule.rule} membutuhkan parameter ini"
    return None


def _mismatch(annotation: Any, value: object) -> str | None:
    """What the annotation wants, if the value is not that."""
    adapter = TypeAdapter(annotation)
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        schema = adapter.json_schema()
        return str(schema.get("description") or KINDS.get(str(schema.get("type")), "nilai lain"))
    return None
