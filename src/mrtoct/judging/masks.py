"""Where a synthetic CT can be judged: inside the head, where the MR was measured."""

from __future__ import annotations

import numpy as np

from mrtoct.prepare.store import PreparedSubject
from mrtoct.volume import Volume

HEAD = "head on the CT, where the MR was measured"
GIVEN = "mask that came with the data, where the MR was measured"


def judged_mask(subject: PreparedSubject) -> tuple[Volume, str]:
    """Return where a synthetic CT can be judged, and in words: in the head, where the MR was."""
    head, source = (subject.mask, GIVEN) if subject.mask else (subject.head, HEAD)
    return head.with_voxels(np.asarray(head.voxels & subject.covered.voxels)), source
