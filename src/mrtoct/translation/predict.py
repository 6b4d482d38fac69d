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
from mrtoct.translation.predict_head import HeadNetwork, predict_head, tile_of
from mrtoct.translation.ways import WAYS
from mrtoct.volume import Array


@dataclass(frozen=True)
class View:
    """A way to look at a head: in slices of a plane, mirrored or not, at an exponent of its MR."""

    plane: Plane = "transverse"
    mirrored: bool = False
    exponent: float = 1.0

    def shown(self, mr: Array) -> Array:
        """Return scaled MR (..., I, J, K) as it is shown to a network: of that contrast, turned."""
        if self.exponent != 1:
            mr = np.maximum(np.asarray(mr, dtype=np.float32), 0) ** np.float32(self.exponent)
        return self.turned(mr)

    def turned(self, array: Array) -> Array:
        """Return (..., I, J, K) in the plane, or its mirror image."""
        return in_plane(array[..., ::-1, :, :] if self.mirrored else array, self.plane)

    def back(self, array: Array) -> Array:
        """Return what a network made (..., I, J, K) of what it was shown, in its place."""
        array = in_plane(array, self.plane)
        return array[..., ::-1, :, :] if self.mirrored else array


def views(bundle: Bundle) -> list[View]:
    """Return the ways in which a bundle wants a head to be looked at; their mean is its CT."""
    return views_of(bundle, (False, True) if bundle.mirror else (False,))


def views_of(bundle: Bundle, mirrored: tuple[bool, ...]) -> list[View]:
    """Return a bundle's ways to look at a head, mirrored or not as told; the plain one first."""
    exponents = (1.0, *bundle.exponents)
    planes = bundle.geometry.planes
    return [View(plane, m, e) for plane in planes for m in mirrored for e in exponents]


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
    float32, and 0 outside of head. Where the bundle looks at its MR in several contrasts, the
    variance of what it then makes adds to the error's square.
    """
    ways = views(bundle)
    ct, error, apart, squares = (np.zeros(mr.shape[1:], dtype=np.float32) for _ in range(4))
    first: Array | None = None
    for view in ways:
        made = predict_head(cast(HeadNetwork, network), view.shown(mr), tile=tile_of(bundle))
        one = view.back(made[0])
        first = one if first is None else first
        ct += one / len(ways)
        error += view.back(made[1]) / len(ways)
        if bundle.exponents:
            apart += (one - first) / len(ways)
            squares += np.square(one - first) / len(ways)
    if bundle.exponents:
        error = np.sqrt(np.square(error) + np.maximum(squares - np.square(apart), 0))
    width = np.float32(bundle.window.high - bundle.window.low)
    return ct, np.where(head, error * width, np.float32(0))


@torch.no_grad()
def predict_view(
    network: nn.Module, bundle: Bundle, view: View, mr: Array, head: Array
) -> list[Array]:
    """Return what each network of a cascade, or the only one, makes of a head looked at one way.

    Arrays, in and out, are as predict takes and gives them.
    """
    made = WAYS[bundle.model.sees].predict(network, bundle, view.shown(mr), view.turned(head))
    return [view.back(ct) for ct in made]
