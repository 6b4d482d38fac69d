"""A volume is voxels on a grid: the one value that flows through the whole program.

Inside mrtoct there is one convention: world coordinates are RAS+ in millimetres, arrays are
indexed (I, J, K), and an affine maps a voxel's index to the world position of its centre. What has
other conventions (LPS in ITK and DICOM) is converted where it comes in and goes out.
"""

from mrtoct.volume.exchange import NibabelImage, SimpleItkImage, storable
from mrtoct.volume.grid import (
    GRID_TOLERANCE_MM,
    MOST_MM,
    SIDES,
    Array,
    Grid,
    require_same_grid,
)
from mrtoct.volume.missing import AIR_HU, Unit, outside, without_nan
from mrtoct.volume.volume import (
    AIR_BELOW_HU,
    BONE_ABOVE_HU,
    Volume,
    require_signal,
    require_unit,
)

__all__ = [
    "AIR_BELOW_HU",
    "AIR_HU",
    "BONE_ABOVE_HU",
    "GRID_TOLERANCE_MM",
    "MOST_MM",
    "SIDES",
    "Array",
    "Grid",
    "NibabelImage",
    "SimpleItkImage",
    "Unit",
    "Volume",
    "outside",
    "require_same_grid",
    "require_signal",
    "require_unit",
    "storable",
    "without_nan",
]
