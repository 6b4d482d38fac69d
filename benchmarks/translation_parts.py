"""Where the time of one `mrtoct translate` goes, and how near it is to its arithmetic's floor.

    python benchmarks/translation_parts.py                    a phantom's MR by the shipped model
    python benchmarks/translation_parts.py --model unet --width 64
    python benchmarks/translation_parts.py --mr MR.nii.gz

One fresh process each round; of every part the least of the rounds. The floor are the network's
convolutions alone, of the shapes and in the precision that the translation asked for, timed in the
same process. --clock process counts the processor's time instead of the wall's: with one thread it
hardly changes where other processes want the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

CLOCKS = {"wall": time.perf_counter, "process": time.process_time}


def one(arguments: argparse.Namespace, mr: Path, model: str, out: Path) -> dict[str, float]:
    """Translate as the command does, in this process; return the seconds of its parts."""
    clock = CLOCKS[arguments.clock]
    parts: dict[str, float] = {}
    last = clock()

    def done(name: str) -> None:
        nonlocal last
        parts[name] = clock() - last
        last = clock()

    import numpy as np
    import torch

    from mrtoct.cli import translate as _command  # noqa: F401
    from mrtoct.io.files import read_volume, write_volume
    from mrtoct.properties.plausible import doubts_about
    from mrtoct.translation.translator import Translator

    torch.set_num_threads(arguments.threads)
    done("imports")
    translator = Translator.load(model)
    done("loading the model")
    volume = read_volume(mr, "a.u.")
    done("reading the MR")
    channels, _ = translator.examined({translator.bundle.channels[0]: volume})
    done("guard, bias field")
    shown = translator._shown(channels, False, False, print)
    done("resampling, masks")
    hu = translator.predict(shown.mr, shown.inside)
    done("prediction")
    sct = shown.placed(hu)
    done("placing")
    doubts_about(sct)
    done("looking at the CT")
    write_volume(out, sct, overwrite=True)
    done("writing")

    from convolutions import watched

    network = translator._members[0].network
    with watched(network) as seen:
        again = translator.predict(shown.mr, shown.inside)
    assert np.abs(again - hu).max() < 1
    parts["floor"] = seen.seconds(clock)
    return parts


def model_of(arguments: argparse.Namespace, folder: Path) -> str:
    """Return a model's name, or the folder of a new u-net, whose weights are noise."""
    if arguments.model != "unet":
        return str(arguments.model)
    from mrtoct.networks.unet import UNetConfig
    from mrtoct.translation.bundle import Bundle, write_bundle
    from mrtoct.translation.geometry import Slices

    config = UNetConfig(width=arguments.width)
    bundle = Bundle(config, ("mr",), (1.0, 1.0, 1.0), Slices((arguments.size, arguments.size)))
    write_bundle(folder / "unet", bundle, config.build().state_dict())
    return str(folder / "unet")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mr", type=Path)
    parser.add_argument("--model", default="head")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--size", type=int, default=256, help="of the u-net's training slices")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.child:
            print(json.dumps(one(arguments, arguments.mr, arguments.child, folder / "sct.nii.gz")))
            return
        mr = arguments.mr
        if mr is None:
            command = [sys.executable, "-m", "mrtoct", "phantom", str(folder / "phantom")]
            subprocess.run([*command, "--subjects", "1"], check=True, capture_output=True)
            mr = folder / "phantom" / "phantom-001" / "mr.nii.gz"
        model = model_of(arguments, folder)
        same = [f"--{name}={getattr(arguments, name)}" for name in ("threads", "clock")]
        rounds = []
        for _ in range(arguments.rounds):
            command = [sys.executable, __file__, "--mr", str(mr), "--child", model, *same]
            made = subprocess.run(command, check=True, capture_output=True, text=True)
            rounds.append(json.loads(made.stdout.splitlines()[-1]))
    least = {name: min(r[name] for r in rounds) for name in rounds[0]}
    show(least, f"{arguments.model}, {arguments.threads} threads, {arguments.clock} time")


def show(parts: dict[str, float], title: str) -> None:
    """Print seconds, and multiples of the floor."""
    floor = parts.pop("floor")
    total = sum(parts.values())
    table = Table(title=title)
    for column in ("", "s", "of the floor"):
        table.add_column(column, justify="right" if column else "left")
    for name, seconds in [*parts.items(), ("all", total), ("floor: convolutions alone", floor)]:
        table.add_row(name, f"{seconds:.2f}", f"{seconds / floor:.2f}")
    aim = 1.5 * floor + 3
    table.add_row("aim: 1.5 floors + 3 s", f"{aim:.2f}", f"{aim / floor:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
