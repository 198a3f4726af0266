"""What is wrong with a request, as the report that its version of the standard has for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from geosatu.api.problems import problem_of
from geosatu.api.wfs.versions import SCHEMAS, Version
from geosatu.api.wfs.xml import XSI, document, node
from geosatu.errors import GeosatuError, InvalidQuery, UnknownFeature, UnknownLayer

MEDIA_TYPES = {"1.0.0": "application/vnd.ogc.se_xml", "1.1.0": "text/xml", "2.0.0": "application/xml"}

STATUS = {"NotFound": 404, "OperationProcessingFailed": 403}
"""Of exception codes (09-025r2, Annex D); all others are 400."""


class Refused(GeosatuError):
    """Something in a WFS request is wrong: an exception code, and where it is wrong."""

    def __init__(self, code: str, message: str, locator: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.locator = locator
        self.status = STATUS.get(code, 400) if status is None else status


class Report(NamedTuple):
    """An answer that tells what is wrong."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str]


@contextmanager
def reading(locator: str, code: str = "InvalidParameterValue") -> Iterator[None]:
    """What cannot be read in the block is the fault of this parameter."""
    try:
        yield
    except (InvalidQuery, UnknownLayer) as error:
        raise Refused(code, str(error), locator) from None


def report_of(error: Exception, version: Version) -> Report:
    """An error as this version tells it; a bug of ours reaches the log."""
    if isinstance(error, Refused):
        return _report(error.status, error.code, str(error), error.locator, version, {})
    problem = problem_of(error)
    code = "NoApplicableCode"
    if isinstance(error, UnknownFeature):
        code = "NotFound"
    elif problem.status == 400:
        code = "InvalidParameterValue"
    return _report(problem.status, code, problem.title, None, version, problem.headers)


def _report(
    status: int, code: str, message: str, locator: str | None, version: Version, headers: Mapping[str, str]
) -> Report:
    where = {} if locator is None else {"locator": locator}
    if version.number == "1.0.0":
        ogc = "http://www.opengis.net/ogc"
        root = node(
            "ServiceExceptionReport",
            {
                "version": "1.2.0",
                "xmlns": ogc,
                "xmlns:xsi": XSI,
                "xsi:schemaLocation": f"{ogc} {SCHEMAS}/wfs/1.0.0/OGC-exception.xsd",
            },
            node("ServiceException", {"code": code, **where}, message),
        )
    else:
        new = version.number == "2.0.0"
        about = {"version": "2.0.0", "xml:lang": "id"} if new else {"version": "1.0.0", "language": "id"}
        schema = f"{SCHEMAS}/ows/{'1.1.0' if new else '1.0.0'}/owsExceptionReport.xsd"
        root = node(
            "ows:ExceptionReport",
            {**about, "xmlns:ows": version.ows, "xmlns:xsi": XSI, "xsi:schemaLocation": f"{version.ows} {schema}"},
            node("ows:Exception", {"exceptionCode": code, **where}, node("ows:ExceptionText", None, message)),
        )
    return Report(status, MEDIA_TYPES[version.number], document(root), headers)
