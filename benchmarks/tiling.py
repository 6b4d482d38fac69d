"""Seconds and error of a whole volume through the context generator, against MONAI in one run.

    python benchmarks/tiling.py                          Table 4's generator, 64 x 64 x 64 voxels
    python benchmarks/tiling.py --width 16 --tile 48

Every way runs the same float32 network on the same volume, in turn, and errors are against one
pass over the whole volume with PyTorch's own convolutions, over all voxels and over those that are
ten or more from the faces. MONAI's sliding_window_inference gets the same tiles in two ways: with
the margin by which the network shrinks (each voxel once, borders show), and with the whole halo
(exact but near the faces, beyond which it shows the network a wider rim of zeros). Our patches are
the function of the first, our tiles that of one pass. Without MONAI its rows are left out and it
is said.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from comparison import with_plain_convolutions
from mrtoct.networks.context_gan import HALO, MARGIN, ContextGenerator, ContextGeneratorConfig
from mrtoct.networks.streaming import StreamedGenerator
from mrtoct.translation.tiling import Box, PatchGrid, predict_patches, predict_tiles
from mrtoct.volume import Array

HU = 4095.0
Way = Callable[[], Array]


def generator(width: int) -> ContextGenerator:
    """A generator whose batch norms are not the identity, so that its output spreads."""
    torch.manual_seed(1)
    network = ContextGenerator(ContextGeneratorConfig(width=width))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.running_var, 0.1, 0.4)
    return network.eval()


def head_like(shape: tuple[int, int, int]) -> Array:
    """An ellipsoid that touches the faces of the volume: about half of it."""
    index = np.indices(shape)
    return (
        sum(  # type: ignore[no-any-return]
            ((x + 0.5) / n * 2 - 1) ** 2 for x, n in zip(index, shape, strict=True)
        )
        < 1
    )


def monai_way(network: nn.Module, mr: Array, tile: int, border: int) -> Way:
    """Windows of tile + 2 border voxels whose inner tile alone counts, so that each counts once."""
    from monai.inferers import sliding_window_inference

    window = tile + 2 * border
    weights = torch.zeros((window,) * 3)
    weights[(slice(border, border + tile),) * 3] = 1
    # Voxels that no window would count: around the volume, and up to a multiple of the tile.
    extra = [-n % tile for n in mr.shape[:0:-1]]
    around = [width for n in extra for width in (border, border + n)]
    padded = F.pad(torch.from_numpy(mr)[None], around)

    def predictor(windows: Tensor) -> Tensor:
        return F.pad(network(windows), (MARGIN,) * 6)

    def way() -> Array:
        out = sliding_window_inference(
            padded,
            roi_size=(window,) * 3,
            sw_batch_size=4,
            predictor=predictor,
            overlap=1 - tile / window,
            roi_weight_map=weights,
        )
        part = tuple(slice(border, border + n) for n in mr.shape[1:])
        return np.asarray(out[0, 0][part].numpy())

    return way


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--shape", type=int, nargs=3, default=(64, 64, 64))
    parser.add_argument("--tile", type=int, default=32, help="side of a tile of output")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    i, j, k = arguments.shape
    shape, tile = (i, j, k), arguments.tile
    network = generator(arguments.width)
    plain = with_plain_convolutions(network)
    head = head_like(shape)
    mr = np.random.default_rng(1).random((1, *shape), dtype=np.float32) * head

    def one_pass() -> Array:
        padded = torch.from_numpy(np.pad(mr, ((0, 0), *((MARGIN, MARGIN),) * 3)))[None]
        return np.asarray(plain(padded)[0, 0].numpy())

    def tiles(side: int, head: Array | None = None) -> Way:
        def way() -> Array:
            streamed = StreamedGenerator(network)

            def predict(mr: Array, wanted: Box) -> Array:
                return np.asarray(streamed(torch.from_numpy(mr)[None], wanted)[0, 0].numpy())

            out = np.empty(shape, dtype=np.float32)
            predict_tiles(predict, mr, out, tile=(side, side, side), head=head)
            return out

        return way

    def patches() -> Array:
        streamed = StreamedGenerator(network)
        out = np.empty(shape, dtype=np.float32)
        predict_patches(
            lambda x: np.asarray(streamed(torch.from_numpy(x))[:, 0].numpy()),
            mr, out, PatchGrid(size=tile),
        )  # fmt: skip
        return out

    ways: dict[str, tuple[Way, Array | bool]] = {
        "one pass, PyTorch's convolutions": (one_pass, True),
    }
    console = Console(width=120)
    if importlib.util.find_spec("monai"):
        for name, border in (("margin", MARGIN), ("halo", HALO)):
            ways[f"MONAI, tiles of {tile}^3 and the {name} of {border}"] = (
                monai_way(plain, mr, tile, border), True
            )  # fmt: skip
    else:
        console.print("MONAI is not installed (pip install monai): its rows are left out.")
    ways |= {
        f"patches of {tile}^3 and the margin, ours": (patches, True),
        f"tiles of {tile}^3 and the halo, ours": (tiles(tile), True),
        "one tile, ours": (tiles(max(shape)), True),
        f"tiles of {tile}^3 and the halo, ours, where the head is": (tiles(tile, head), head),
        "one tile, ours, where the head is": (tiles(max(shape), head), head),
    }

    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Array] = {}
    with torch.no_grad():
        for _ in range(arguments.rounds):
            for name, (way, _) in ways.items():
                started = time.perf_counter()
                results[name] = way()
                seconds[name].append(time.perf_counter() - started)
    reference = results["one pass, PyTorch's convolutions"]
    table = Table(
        title=f"context generator of width {arguments.width}, {i} x {j} x {k} voxels, "
        f"{arguments.threads} threads, float32; output spreads by {reference.std() * HU:.0f} HU"
    )
    inner = np.zeros(shape, dtype=bool)
    inner[(slice(HALO - MARGIN, MARGIN - HALO),) * 3] = True
    for column in ("", "s", "of one pass", "MAE, HU", "largest, HU", "MAE off the faces, HU"):
        table.add_column(column, justify="right" if column else "left")
    once = statistics.median(seconds["one pass, PyTorch's convolutions"])
    for name, (_, where) in ways.items():
        error = np.abs(results[name] - reference) * HU
        figures = [error[where].mean(), error[where].max(), error[inner & where].mean()]
        taken = statistics.median(seconds[name])
        table.add_row(
            name, f"{taken:.1f}", f"{taken / once:.2f}", *(f"{value:.4f}" for value in figures)
        )
    console.print(table)


if __name__ == "__main__":
    main()
