"""Import: records of a file, conformed to a layer, planned against what is there, committed in one transaction."""

from geosatu.importer.conform import Refusal
from geosatu.importer.run import Options, Report, import_file

__all__ = ["Options", "Refusal", "Report", "import_file"]
