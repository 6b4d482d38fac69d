"""DICOM: series of a tree into volumes, and a synthetic CT into a series."""

from mrtoct.io.dicom.listing import choose_series, files_of, list_series
from mrtoct.io.dicom.planning import planning_grid
from mrtoct.io.dicom.read import find_series, read_series
from mrtoct.io.dicom.series import Series
from mrtoct.io.dicom.write import write_ct_series

__all__ = [
    "Series",
    "choose_series",
    "files_of",
    "find_series",
    "list_series",
    "planning_grid",
    "read_series",
    "write_ct_series",
]
