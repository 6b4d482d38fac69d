"""Show a whole scaled head to a network, as validation and translation both do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn

from mrtoct.sampling.planes import in_plane
from mrtoct.sampling.subjects import Plane
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.predict_head import HeadNetwork, predict_head
from mrtoct.translation.ways import WAYS
from mrtoct.volume import Array


@dataclass(frozen=True)
class View:
    """A way to look at a head: in slices of a plane, of itself or of its mirror image."""

    plane: Plane = "transverse"
    mirrored: bool = False

    def turned(self, array: Array) -> Array:
        """Return (..., I, J, K) as it is shown to a network."""
        return in_plane(array[..., ::-1, :, :] if self.mirrored else array, self.plane)

    def back(self, array: Array) -> Array:
        """Return what a network made (..., I, J, K) of what it was shown, in its place."""
        array = in_plane(array, self.plane)
        return array[..., ::-1, :, :] if self.mirrored else array


def views(bundle: Bundle) -> list[View]:
    """Return the ways in which a bundle wants a head to be looked at; their mean is its CT."""
    mirrored = (False, True) if bundle.mirror else (False,)
    return [View(plane, m) for plane in bundle.geometry.planes for m in mirrored]


def predict(network: nn.Module, bundle: Bundle, mr: Array, head: Array) -> Array:
    """Map scaled MR (C, I, J, K) to CT in [0, 1], (I, J, K) float32, the way the bundle says.

    The network, in evaluation mode, is not computed where a whole tile holds none of head (I, J,
    K).
    """
    return predict_stages(network, bundle, mr, head)[-1]


def predict_stages(network: nn.Module, bundle: Bundle, mr: Array, head: Array) -> list[Array]:
    """Map scaled MR to CT as predict does, once for each network of a cascade, in their order.

    The stages of a cascade are what shorter cascades of the same networks make. Any other network
    has one.
    """
    ways = views(bundle)
    total: list[Array] = []
    for view in ways:
        made = predict_view(network, bundle, view, mr, head)
        total = [a + b for a, b in zip(total, made, strict=True)] if total else made
    return [np.ascontiguousarray(ct / len(ways)) for ct in total]


def predict_once(network: nn.Module, bundle: Bundle, mr: Array, head: Array) -> Array:
    """Map scaled MR to CT as predict does, but in the first of the bundle's ways only."""
    return predict_view(network, bundle, views(bundle)[0], mr, head)[-1]


def predict_with_error(
    network: nn.Module, bundle: Bundle, mr: Array, head: Array
) -> tuple[Array, Array]:
    """Map scaled MR (C, I, J, K) to CT as predict does, and to the absolute error expected in it.

    For networks that see whole heads. Both come of the same passes; the error is in HU, (I, J, K)
    float32, and 0 outside of head.
    """
    ways = views(bundle)
    ct, error = (np.zeros(mr.shape[1:], dtype=np.float32) for _ in range(2))
    for view in ways:
        made = predict_head(cast(HeadNetwork, network), view.turned(mr))
        ct += view.back(made[0]) / len(ways)
        error += view.back(made[1]) / len(ways)
    width = np.float32(bundle.window.high - bundle.window.low)
    return ct, np.where(head, error * width, np.float32(0))


@torch.no_grad()
def predict_view(
    network: nn.Module, bundle: Bundle, view: View, mr: Array, head: Array
) -> list[Array]:
    """Return what each network of a cascade, or the only one, makes of a head looked at one way.

    Arrays, in and out, are as predict takes and gives them.
    """
    made = WAYS[bundle.model.sees].predict(network, bundle, view.turned(mr), view.turned(head))
    return [view.back(ct) for ct in made]
