"""Rules about places: what is wrong with a layer, where, and in a plain sentence.

A rule is a function of frames, registered by name; layers declare theirs in `layers/*.toml`. `verify` holds
a catalogue against the rules, `run` judges features by them.
"""

from geosatu.checks import areas, points, shapes  # noqa: F401  (importing them registers their rules)
from geosatu.checks.findings import Finding, as_geojson, as_json
from geosatu.checks.registry import RULES, Check, Violation, rule
from geosatu.checks.runner import run
from geosatu.checks.verification import verify

__all__ = ["RULES", "Check", "Finding", "Violation", "as_geojson", "as_json", "rule", "run", "verify"]
