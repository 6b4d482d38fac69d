"""A synthetic CT and how far the network disagrees with itself about it."""

from __future__ import annotations

import numpy as np

from mrtoct.bundle import Bundle, Network
from mrtoct.predict import View, predict_view, views
from mrtoct.volume import Array


def predict_with_disagreement(
    network: Network, bundle: Bundle, mr: Array, head: Array
) -> tuple[Array, Array]:
    """Map scaled MR (C, I, J, K) to CT in HU as predict does, and to the views' disagreement in HU.

    Views are the head and its mirror image, in each plane of the bundle: one more pass through the
    network where the bundle's CT is not their mean anyway. Both are (I, J, K) float32.
    """
    wanted = views(bundle)
    shown = [View(plane, mirrored) for plane in bundle.planes for mirrored in (False, True)]
    made = {
        view: bundle.window.to_hu(predict_view(network, bundle, view, mr, head)[-1])
        for view in shown
    }
    ct = np.asarray(np.mean([made[view] for view in wanted], axis=0), dtype=np.float32)
    squares = np.mean([np.square(made[view] - ct) for view in shown], axis=0)
    return ct, np.asarray(np.sqrt(squares), dtype=np.float32)
