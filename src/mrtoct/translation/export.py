"""A bundle as an ONNX file, for programs that run networks without Python or torch.

The graph takes what a program has that resampled a head: the MR's signal, the head mask, and the
signal's percentiles in it. Scaling, the mean over mirror images, planes and contrasts, and the map
to HU are inside. What a program must do before and after is written into the file's metadata.

    mr    (C, I, J, K) float32   signal on an upright grid (RAS) of the stated voxel spacing
    head  (I, J, K)    float32   1 in the head, 0 elsewhere
    low   (C)          float32   the stated low percentile of each channel inside the head
    high  (C)          float32   and the high one
    ct    (I, J, K)    float32   HU; what lies outside the head is to be made air
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mrtoct._version import __version__
from mrtoct.errors import BundleError, FileError
from mrtoct.io.atomic import new_file, require_absent
from mrtoct.sampling.planes import SWAPPED
from mrtoct.translation.bundle import Bundle, read_bundle
from mrtoct.translation.geometry import Heads, Slices
from mrtoct.translation.predict import View, views
from mrtoct.volume import Array

MOST_APART = 1.0
"""HU by which what the file makes may differ from what torch makes, anywhere."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
AXES = ("mr", "head", "low", "high")


@dataclass(frozen=True)
class Exported:
    """An ONNX file that was written, and how it compares with ours."""

    path: Path
    multiples: tuple[int, int, int]
    """The sides I, J, K of what it is given must be multiples of these."""
    apart: float
    """Largest difference in HU from what torch makes of the same noise, in float32."""


def export_onnx(folder: Path, out: Path, *, overwrite: bool = False) -> Exported:
    """Write a bundle as ONNX; what it makes is compared with what torch makes before it is kept.

    Parameters
    ----------
    folder : Path
        A bundle of a network that sees slices or whole heads.
    out : Path
        The file, NAME.onnx.
    overwrite : bool
        Whether a file that is there already is replaced.

    Returns
    -------
    Exported

    Raises
    ------
    BundleError
        If it is no bundle, its network sees patches, or the file would not do what ours does.
    FileError
        If a package is missing, the name does not end in .onnx, or the file exists.
    """
    if out.suffix.lower() != ".onnx":
        raise FileError(f"{out}: the file's name must end in .onnx")
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise FileError(f"writing ONNX needs {', '.join(missing)}: pip install 'mrtoct[onnx]'")
    require_absent(out, overwrite=overwrite)
    bundle, network = read_bundle(folder)
    if bundle.model.sees == "patches":
        raise BundleError(
            f"{folder}: patch networks need mrtoct's own tiling, which ONNX cannot represent; "
            "networks of slices and of whole heads can be exported"
        )
    if isinstance(bundle.geometry, Heads) and bundle.geometry.tile:
        raise BundleError(
            f"{folder} translates in overlapping tiles, which ONNX cannot represent; a network "
            "trained with patches.whole = true can be exported"
        )
    multiples = sides_of(bundle)
    graph = Graph(network, bundle).eval()
    with new_file(out, overwrite=overwrite) as part, tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "graph.onnx"
        _write_graph(raw, graph, len(bundle.channels), multiples)
        _add_metadata(raw, part, bundle, multiples)
        apart = _difference(part, graph, bundle, multiples)
        if apart > MOST_APART:
            raise BundleError(f"{folder} as ONNX differs by {apart:.1f} HU from it; not kept")
    return Exported(out, multiples, apart)


class Graph(nn.Module):
    """What the file computes."""

    def __init__(self, network: nn.Module, bundle: Bundle) -> None:
        super().__init__()
        self.network = network
        self.views = views(bundle)
        self.neighbours = slices.neighbours if (slices := _slices(bundle)) else None
        self.ceiling = float(bundle.scaling.ceiling)
        self.window = (float(bundle.window.low), float(bundle.window.high))

    def forward(self, mr: Tensor, head: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Map MR (C, I, J, K), head (I, J, K) and percentiles (C) to HU (I, J, K)."""
        low, high = (value[:, None, None, None] for value in (low, high))
        scaled = ((mr - low) / (high - low)).clamp(0.0, self.ceiling) * head
        made = [_back(self._of(_shown(scaled, view)), view) for view in self.views]
        ct = torch.stack(made).mean(dim=0)
        dark, bright = self.window
        return ct * (bright - dark) + dark

    def _of(self, mr: Tensor) -> Tensor:
        """Map scaled MR (C, I, J, K) to CT in [0, 1], (I, J, K)."""
        if self.neighbours is None:
            ct: Tensor = self.network(mr[None])[0, 0]
            return ct.clamp(0.0, 1.0)
        slices = mr.permute(3, 0, 2, 1)  # (K, C, J, I), as in training
        n = self.neighbours
        ends = [slices[:1]] * n, [slices[-1:]] * n
        longer = torch.cat([*ends[0], slices, *ends[1]]) if n else slices
        stack = [longer[at : at + slices.shape[0]] for at in range(2 * n + 1)]
        shown = torch.cat(stack, dim=1)
        predicted: Tensor = self.network(shown)[:, 0]
        return predicted.permute(2, 1, 0).clamp(0.0, 1.0)


def _shown(mr: Tensor, view: View) -> Tensor:
    """Return (C, I, J, K) as View.shown does."""
    mr = mr.pow(view.exponent) if view.exponent != 1 else mr
    mr = mr.flip(1) if view.mirrored else mr
    return mr.transpose(*SWAPPED[view.plane])


def _back(ct: Tensor, view: View) -> Tensor:
    """Return (I, J, K) as View.back does."""
    ct = ct.transpose(*SWAPPED[view.plane])
    return ct.flip(0) if view.mirrored else ct


def sides_of(bundle: Bundle) -> tuple[int, int, int]:
    """Return of what numbers the sides I, J, K must be multiples."""
    n = bundle.model.divisor
    return (n, n, 1 if bundle.geometry.planes == ("transverse",) and _slices(bundle) else n)


def _slices(bundle: Bundle) -> Slices | None:
    return bundle.geometry if isinstance(bundle.geometry, Slices) else None


def _write_graph(path: Path, graph: Graph, channels: int, multiples: tuple[int, int, int]) -> None:
    """Export a graph whose sides may be any multiples; quietly, for it says much."""
    sides = [
        n * torch.export.Dim(f"n{n}{axis}", min=2) for axis, n in zip("IJK", multiples, strict=True)
    ]
    shape = [count * n for count, n in zip((2, 3, 4), multiples, strict=True)]
    example = (
        torch.rand(channels, *shape),
        torch.ones(*shape),
        torch.zeros(channels),
        torch.ones(channels),
    )
    dynamic: dict[str, dict[int, Any]] = {
        "mr": dict(enumerate(sides, start=1)),
        "head": dict(enumerate(sides)),
        "low": {},
        "high": {},
    }
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            example,
            path,
            input_names=list(AXES),
            output_names=["ct"],
            dynamic_shapes=dynamic,
            external_data=False,
            verbose=False,
        )


def _add_metadata(raw: Path, out: Path, bundle: Bundle, multiples: tuple[int, int, int]) -> None:
    """Say in the file what a program must do before and after."""
    import onnx

    model = onnx.load(raw)
    told = bundle.provenance
    facts = {
        "mrtoct": __version__,
        "model": json.dumps({k: told[k] for k in ("name", "version", "licence") if k in told}),
        "intended_use": str(told.get("intended_use", "research")),
        "channels": ",".join(bundle.channels),
        "axes": "RAS: I to the right, J to the front, K to the top",
        "spacing_mm": ",".join(f"{s:g}" for s in bundle.spacing),
        "low_percentile": f"{bundle.scaling.low_percentile:g}",
        "high_percentile": f"{bundle.scaling.high_percentile:g}",
        "sides_are_multiples_of": ",".join(map(str, multiples)),
        "outside_the_head": "-1024",
    }
    if slices := _slices(bundle):
        facts["least_slice"] = ",".join(map(str, slices.size))
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, out)


def _difference(path: Path, graph: Graph, bundle: Bundle, multiples: tuple[int, int, int]) -> float:
    """Return the largest difference between file and graph on noise, in HU."""
    import onnxruntime

    shape = [count * n for count, n in zip((3, 2, 5), multiples, strict=True)]
    random = np.random.default_rng(1)
    channels = len(bundle.channels)
    given: dict[str, Array] = {
        "mr": random.gamma(4, 100, (channels, *shape)).astype(np.float32),
        "head": (random.random(shape) < 0.9).astype(np.float32),
        "low": np.full(channels, 80, dtype=np.float32),
        "high": np.full(channels, 1000, dtype=np.float32),
    }
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    theirs = session.run(None, given)[0]
    with torch.no_grad():
        ours = graph(*(torch.from_numpy(given[name]) for name in AXES)).numpy()
    return float(np.abs(theirs - ours).max())
