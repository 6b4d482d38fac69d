"""The command line: judge a bundle, or only simulate."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from mrtoct.translation.translator import Translator

from . import __doc__ as description
from .judge import PARTS, judge
from .part import Setting
from .simulated import simulate


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_heads",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    judging = commands.add_parser("judge", help="judge a model on the real volumes")
    judging.add_argument(
        "data", type=Path, nargs="?", default=os.environ.get("MRTOCT_TEST_DATA"),
        help="folder of real volumes (default: what MRTOCT_TEST_DATA names)",
    )  # fmt: skip
    judging.add_argument("out", type=Path, help="folder for tables and pictures")
    judging.add_argument("--bundle", type=Path, help="default: the model that mrtoct ships")
    judging.add_argument("--only", nargs="+", choices=list(PARTS), default=[], metavar="PART")
    judging.add_argument("--quick", action="store_true", help="few contrasts, no pictures")
    judging.add_argument("--no-pictures", action="store_true")
    judging.add_argument("--cache", type=Path, help="keep simulated MR here between runs")
    judging.add_argument("--threads", type=int, default=torch.get_num_threads())
    judging.set_defaults(run=run_judge)
    simulating = commands.add_parser("simulate", help="write MR of every contrast for a CT")
    simulating.add_argument("ct", type=Path, help="file, or folder of DICOM slices")
    simulating.add_argument("out", type=Path)
    simulating.set_defaults(run=lambda a: simulate(a.ct, a.out))
    arguments = parser.parse_args()
    arguments.run(arguments)


def run_judge(arguments: argparse.Namespace) -> None:
    if arguments.data is None or not Path(arguments.data).is_dir():
        raise SystemExit("name the folder of real volumes, or set MRTOCT_TEST_DATA to it")
    torch.set_num_threads(arguments.threads)
    setting = Setting(
        Path(arguments.data),
        arguments.out,
        arguments.cache,
        arguments.quick,
        pictures=not (arguments.quick or arguments.no_pictures),
    )
    bundle = arguments.bundle
    translator = Translator.load() if bundle is None else Translator.load(bundle)
    judge(translator, setting, arguments.only, {"bundle": str(bundle or "shipped")})
    print((arguments.out / "judged.md").read_text())


if __name__ == "__main__":
    main()
