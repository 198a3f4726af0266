"""What filters may say, as the capabilities of each version tell it."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from geosatu.api.wfs.xml import node
from geosatu.fes.filters import COMPARISONS, DISTANCES, SPATIAL, TEMPORAL

OPERANDS = (
    "Point", "MultiPoint", "LineString", "Curve", "MultiCurve", "Polygon", "Surface", "MultiSurface", "Envelope",
)  # fmt: skip

TEMPORAL_NAMES = [name for name in TEMPORAL if name != "AnyInteracts"]
"""Without the one that the schema of capabilities left out."""

SPATIAL_NAMES = [name for name in SPATIAL if name != "Intersect"]

CONFORMANCE = {
    "ImplementsQuery": True,
    "ImplementsAdHocQuery": True,
    "ImplementsFunctions": False,
    "ImplementsResourceId": True,
    "ImplementsMinStandardFilter": True,
    "ImplementsStandardFilter": True,
    "ImplementsMinSpatialFilter": True,
    "ImplementsSpatialFilter": True,
    "ImplementsMinTemporalFilter": True,
    "ImplementsTemporalFilter": True,
    "ImplementsVersionNav": False,
    "ImplementsSorting": True,
    "ImplementsExtendedOperators": False,
    "ImplementsMinimumXPath": True,
    "ImplementsSchemaElementFunc": False,
}


def _named(tag: str, names: Iterable[str]) -> list[Markup]:
    return [node(tag, {"name": name}) for name in names]


def _of_2_0() -> Markup:
    constraints = [
        node(
            "fes:Constraint",
            {"name": name},
            node("ows:NoValues"),
            node("ows:DefaultValue", None, str(value).upper()),
        )
        for name, value in CONFORMANCE.items()
    ]
    others = ("PropertyIsLike", "PropertyIsNull", "PropertyIsNil", "PropertyIsBetween")
    operands = [f"gml:{name}" for name in OPERANDS]
    return node(
        "fes:Filter_Capabilities",
        None,
        node("fes:Conformance", None, *constraints),
        node("fes:Id_Capabilities", None, node("fes:ResourceIdentifier", {"name": "fes:ResourceId"})),
        node(
            "fes:Scalar_Capabilities",
            None,
            node("fes:LogicalOperators"),
            node("fes:ComparisonOperators", None, *_named("fes:ComparisonOperator", (*COMPARISONS, *others))),
        ),
        node(
            "fes:Spatial_Capabilities",
            None,
            node("fes:GeometryOperands", None, *_named("fes:GeometryOperand", operands)),
            node("fes:SpatialOperators", None, *_named("fes:SpatialOperator", (*SPATIAL_NAMES, *DISTANCES))),
        ),
        node(
            "fes:Temporal_Capabilities",
            None,
            node("fes:TemporalOperands", None, *_named("fes:TemporalOperand", ("gml:TimeInstant", "gml:TimePeriod"))),
            node("fes:TemporalOperators", None, *_named("fes:TemporalOperator", TEMPORAL_NAMES)),
        ),
    )


def _of_1_1() -> Markup:
    simple = (
        "LessThan", "GreaterThan", "LessThanEqualTo", "GreaterThanEqualTo", "EqualTo", "NotEqualTo", "Like", "Between",
        "NullCheck",
    )  # fmt: skip
    operands = ("Envelope", "Point", "LineString", "Polygon")  # the schema knows no names of collections
    return node(
        "ogc:Filter_Capabilities",
        None,
        node(
            "ogc:Spatial_Capabilities",
            None,
            node(
                "ogc:GeometryOperands", None, *(node("ogc:GeometryOperand", None, f"gml:{name}") for name in operands)
            ),
            node("ogc:SpatialOperators", None, *_named("ogc:SpatialOperator", (*SPATIAL_NAMES, *DISTANCES))),
        ),
        node(
            "ogc:Scalar_Capabilities",
            None,
            node("ogc:LogicalOperators"),
            node("ogc:ComparisonOperators", None, *(node("ogc:ComparisonOperator", None, name) for name in simple)),
            node("ogc:ArithmeticOperators", None, node("ogc:SimpleArithmetic")),
        ),
        node("ogc:Id_Capabilities", None, node("ogc:EID"), node("ogc:FID")),
    )


def _of_1_0() -> Markup:
    spatial = ["Intersect" if name == "Intersects" else name for name in SPATIAL_NAMES]
    return node(
        "ogc:Filter_Capabilities",
        None,
        node(
            "ogc:Spatial_Capabilities",
            None,
            node("ogc:Spatial_Operators", None, *(node(f"ogc:{name}") for name in (*spatial, *DISTANCES))),
        ),
        node(
            "ogc:Scalar_Capabilities",
            None,
            node("ogc:Logical_Operators"),
            node(
                "ogc:Comparison_Operators",
                None,
                *(node(f"ogc:{name}") for name in ("Simple_Comparisons", "Like", "Between", "NullCheck")),
            ),
            node("ogc:Arithmetic_Operators", None, node("ogc:Simple_Arithmetic")),
        ),
    )


FILTERS = {"1.0.0": _of_1_0(), "1.1.0": _of_1_1(), "2.0.0": _of_2_0()}
