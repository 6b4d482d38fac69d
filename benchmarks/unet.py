"""Slices per second of u-net training and translation, against a plain PyTorch float32 loop.

    python benchmarks/unet.py                  Table 2's network at 384 x 384, batch 4
    python benchmarks/unet.py --width 16 --size 128 --batch 16

Both sides run the same network on the same images in turn, A B A B, and the median of each is
compared: on a shared machine only the ratio means something.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mrtoct.bundle import Bundle
from mrtoct.hardware import bfloat16_pays
from mrtoct.models.unet import UNet, UNetConfig
from mrtoct.sampling.slices import Batch
from mrtoct.training.recipe import Recipe
from mrtoct.training.regression import Regression
from mrtoct.training.setting import set_up
from mrtoct.translate import Translator


def plain_training(config: UNetConfig, batch: Batch) -> Callable[[], None]:
    """The loop of a tutorial: float32, default memory layout."""
    network = UNet(config)
    adam = torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def step() -> None:
        adam.zero_grad()
        loss = (network(batch.mr) - batch.ct).abs().mean()
        loss.backward()
        adam.step()

    return step


def our_training(config: UNetConfig, batch: Batch) -> Callable[[], None]:
    """The step of mrtoct.training.regression, with what it chooses on this machine."""
    fabric, layout = set_up("auto", config.width)
    network = UNet(config).to(memory_format=layout)  # type: ignore[call-overload]
    learner = Regression(network, Recipe(name="benchmark", training={"steps": 1}), fabric)

    def step() -> None:
        learner.step(batch.to(fabric.device, layout))

    return step


def plain_translation(config: UNetConfig, images: torch.Tensor) -> Callable[[], None]:
    """Slice by slice, float32, default memory layout."""
    network = UNet(config).eval()

    def step() -> None:
        with torch.no_grad():
            for image in images:
                network(image[None])

    return step


def our_translation(config: UNetConfig, images: torch.Tensor) -> Callable[[], None]:
    """Slices as mrtoct.translate puts them through the network."""
    size = (images.shape[3], images.shape[2])
    bundle = Bundle(config, ("mr",), (1.0, 1.0, 1.0), size)
    translator = Translator(bundle, UNet(config), torch.device("cpu"))
    mr = np.ascontiguousarray(images[:, 0].numpy().T)
    head = np.ones(mr.shape, dtype=bool)

    def step() -> None:
        translator.predict(mr[None], head)

    return step


def compare(a: Callable[[], None], b: Callable[[], None], rounds: int) -> tuple[float, float]:
    """Return the median seconds of two steps run in turn, after a warm-up of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for step, found in zip((a, b), times, strict=True):
            started = time.perf_counter()
            step()
            if number:
                found.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = UNetConfig(width=arguments.width)
    shape = (arguments.batch, 1, arguments.size, arguments.size)
    generator = torch.Generator().manual_seed(1)
    mr, ct = (torch.rand(shape, generator=generator) for _ in range(2))
    batch = Batch(mr, ct, *(torch.ones(shape) for _ in range(3)))

    table = Table(
        title=f"u-net of width {config.width}, {arguments.size} x {arguments.size}, batch "
        f"{arguments.batch}, {arguments.threads} threads, bfloat16 "
        f"{'used' if bfloat16_pays(torch.device('cpu')) else 'not used (no hardware for it)'}"
    )
    for column in ("", "plain float32, slices/s", "mrtoct, slices/s", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    rows = {
        "training": (plain_training(config, batch), our_training(config, batch)),
        "translation": (plain_translation(config, mr), our_translation(config, mr)),
    }
    for name, (plain, ours) in rows.items():
        a, b = compare(plain, ours, arguments.rounds)
        table.add_row(
            name, f"{arguments.batch / a:.2f}", f"{arguments.batch / b:.2f}", f"{a / b:.2f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
