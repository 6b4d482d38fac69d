"""Slices per second of u-net translation, against a plain PyTorch float32 loop.

    python benchmarks/translation.py                  Table 2's network at 384 x 384, batch 4
    python benchmarks/translation.py --width 16 --size 128 --batch 16

Both sides run the same network on the same images in turn, A B A B, and the median of each is
compared: on a shared machine only the ratio means something.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from comparison import compare
from mrtoct.hardware.devices import bfloat16_pays
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.geometry import Slices
from mrtoct.translation.translator import Translator


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
    images = torch.rand(shape, generator=torch.Generator().manual_seed(1))

    network = UNet(config).eval()

    @torch.no_grad()
    def plain() -> None:
        """Slice by slice, float32, default memory layout."""
        for image in images:
            network(image[None])

    size = (arguments.size, arguments.size)
    bundle = Bundle(config, ("mr",), (1.0, 1.0, 1.0), Slices(size))
    translator = Translator(bundle, UNet(config), torch.device("cpu"))
    mr = np.ascontiguousarray(images[:, 0].numpy().T)
    head = np.ones(mr.shape, dtype=bool)

    table = Table(
        title=f"u-net of width {config.width}, {arguments.size} x {arguments.size}, batch "
        f"{arguments.batch}, {arguments.threads} threads, bfloat16 "
        f"{'used' if bfloat16_pays(torch.device('cpu')) else 'not used (no hardware for it)'}"
    )
    for column in ("plain float32, slices/s", "mrtoct, slices/s", "ratio"):
        table.add_column(column, justify="right")
    a, b = compare(plain, lambda: translator.predict(mr[None], head), arguments.rounds)
    table.add_row(f"{arguments.batch / a:.2f}", f"{arguments.batch / b:.2f}", f"{a / b:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
