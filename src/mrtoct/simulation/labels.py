"""Label maps of real heads into tissues, by a small table of label and tissue."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import bounding_box, head_mask_ct
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Array, Grid, Volume

MARGIN = 8
"""Voxels of air kept around a head."""
SPECK = 8
"""Voxels; smaller pockets of background inside a head are noise of the segmentation."""
LEAST_HEAD = 0.5e6
"""Voxels of 1 mm; what is smaller is no head."""


def _table(groups: Mapping[Tissue, tuple[int, ...]]) -> Mapping[int, Tissue]:
    return MappingProxyType({label: t for t, labels in groups.items() for label in labels})


SYNTHSEG = _table(
    {
        Tissue.CSF: (4, 5, 14, 15, 24, 31, 43, 44, 63, 72),
        Tissue.GREY_MATTER: (
            *(3, 8, 10, 11, 12, 13, 17, 18, 26, 42, 47, 49, 50, 51, 52, 53, 54, 58),
            *(136, 137, 163, 164),
        ),
        Tissue.WHITE_MATTER: (2, 7, 16, 28, 41, 46, 60, 85, 512, 530),
        Tissue.LESION: (25, 57),
        Tissue.BLOOD: (30, 62, 502, 514),
        Tissue.VITREOUS: (506,),
        Tissue.MUSCLE: (507, 508),
        Tissue.MUCOSA: (509,),
        Tissue.SKIN: (511,),
        Tissue.CORTICAL_BONE: (515,),
        Tissue.DIPLOE: (516,),
    }
)
"""Numbers of FreeSurfer and, outside the brain, of the label maps published with SynthSeg (Billot
et al., Med. Image Anal. 86:102789, 2023). Fat and muscle have one number there, 507."""

BRAINWEB = _table(
    {
        Tissue.CSF: (1,),
        Tissue.GREY_MATTER: (2, 8),
        Tissue.WHITE_MATTER: (3,),
        Tissue.FAT: (4,),
        Tissue.MUSCLE: (5,),
        Tissue.SKIN: (6,),
        Tissue.CORTICAL_BONE: (7,),
        Tissue.CONNECTIVE: (9,),
    }
)
"""Numbers of the BrainWeb phantoms (Collins et al., IEEE Trans. Med. Imaging 17:463, 1998)."""

PHANTOM = _table({tissue: (int(tissue),) for tissue in Tissue if tissue != Tissue.AIR})
"""Numbers of mrtoct's own phantoms, those of Tissue."""

TABLES: Mapping[str, Mapping[int, Tissue]] = MappingProxyType(
    {"synthseg": SYNTHSEG, "brainweb": BRAINWEB, "phantom": PHANTOM}
)
_SIGNS: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        "synthseg": frozenset({515}),
        "brainweb": frozenset({7}),
        "phantom": frozenset({Tissue.CORTICAL_BONE, Tissue.DIPLOE, Tissue.INNER_AIR}),
    }
)
"""The numbers overlap: by these labels, which each of its maps has, a table is known."""

AIR_OR_TISSUE = np.full(max(Tissue) + 1, 0.0, dtype=np.float32)
"""Rough HU, only to find the head by."""
AIR_OR_TISSUE[[Tissue.AIR, Tissue.INNER_AIR]] = AIR_HU
AIR_OR_TISSUE[[Tissue.CORTICAL_BONE, Tissue.DIPLOE]] = 800


def table_for(labels: Array) -> Mapping[int, Tissue]:
    """Return the table that knows all labels of a map; ValueRangeError if none does."""
    found = {int(label) for label in np.unique(labels)} - {0}
    for name, table in TABLES.items():
        if _SIGNS[name] <= found <= set(table):
            return table
    listed = ", ".join(map(str, sorted(found)[:12]))
    raise ValueRangeError(
        f"no table knows these labels ({listed}); known are label maps with the numbers of "
        f"{', '.join(TABLES)}, with skull and scalp"
    )


def tissues_of(labels: Volume) -> Volume:
    """Turn a label map into tissues at 1 mm, upright, cropped to the head (uint8 of Tissue).

    The largest body is the head; what else lies in the field of view is left out, and so are the
    smallest pockets of background inside. Background inside the head is INNER_AIR. Raises
    ValueRangeError where no table knows the labels or there is no whole head.
    """
    table = table_for(labels.voxels)
    lookup = np.zeros(max(table) + 1, dtype=np.uint8)
    for label, number in table.items():
        lookup[label] = number
    grid = labels.grid.upright((1.0, 1.0, 1.0))
    upright = resample(labels, grid, fill=0, interpolation="nearest").voxels
    tissue = lookup[np.clip(upright, 0, max(table)).astype(np.int64)]
    body, _ = ndimage.label(tissue > 0)
    sizes = np.bincount(body.ravel())
    sizes[0] = 0
    if sizes.max() < LEAST_HEAD:
        raise ValueRangeError(
            f"its largest body has {sizes.max() / 1000:.0f} ml; a head has at least "
            f"{LEAST_HEAD / 1000:.0f}"
        )
    tissue[body != sizes.argmax()] = Tissue.AIR
    return with_inner_air(Volume(_without_specks(tissue), grid, "label"))


def with_inner_air(tissue: Volume) -> Volume:
    """Return tissues cropped to the head, with the air inside it named INNER_AIR."""
    box = bounding_box(tissue.voxels > 0)
    offset = np.array([s.start for s in box]) - MARGIN
    voxels = np.pad(tissue.voxels[box], MARGIN)
    affine = tissue.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ offset
    i, j, k = voxels.shape
    grid = Grid((i, j, k), affine)
    head = head_mask_ct(Volume(AIR_OR_TISSUE[voxels], grid, "HU")).voxels
    voxels[head & (voxels == Tissue.AIR)] = Tissue.INNER_AIR
    return Volume(voxels, grid, "label")


def _without_specks(tissue: Array) -> Array:
    air = tissue == Tissue.AIR
    pockets, _ = ndimage.label(air)
    small = (np.bincount(pockets.ravel()) < SPECK)[pockets] & air
    filled = ndimage.grey_dilation(tissue, 3)
    return np.where(small, filled, tissue)
