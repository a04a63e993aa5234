"""What was drawn in a project, as the files that trainers read."""

from .project_export import ExportSummary, ImageExport, export_project
from .writers import FORMATS, make_writer

__all__ = ["FORMATS", "ExportSummary", "ImageExport", "export_project", "make_writer"]
