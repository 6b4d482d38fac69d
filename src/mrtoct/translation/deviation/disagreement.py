"""A synthetic CT and what the network itself says of its errors.

A network that has learnt to expect its errors is asked for them. Any other answers a head and its
mirror image, and where the answers differ it is wrong in at least one of them.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from mrtoct.translation.bundle import Bundle
from mrtoct.translation.predict import predict_view, predict_with_error, views, views_of
from mrtoct.volume import Array


def predict_with_disagreement(
    network: nn.Module, bundle: Bundle, mr: Array, head: Array
) -> tuple[Array, Array]:
    """Map scaled MR (C, I, J, K) to CT in HU as predict does, and to the network's own doubt in HU.

    The doubt of a network that sees whole heads is the absolute error that it expects, of the same
    pass and 0 outside of head; of any other network the root mean square difference of the views
    from the CT. Views are the head and its mirror image, in each plane of the bundle and at each of
    its exponents: one more pass where the bundle's CT is not their mean anyway. Both are (I, J, K)
    float32.
    """
    if bundle.model.sees == "heads":
        scaled, expected = predict_with_error(network, bundle, mr, head)
        return bundle.window.to_hu(scaled), expected
    wanted = views(bundle)
    shown = views_of(bundle, (False, True))
    made = {
        view: bundle.window.to_hu(predict_view(network, bundle, view, mr, head)[-1])
        for view in shown
    }
    ct = np.asarray(np.mean([made[view] for view in wanted], axis=0), dtype=np.float32)
    squares = np.mean([np.square(made[view] - ct) for view in shown], axis=0)
    return ct, np.asarray(np.sqrt(squares), dtype=np.float32)
