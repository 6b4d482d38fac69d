"""Which standard deviation is calibrated best for its cost: every candidate, one bundle, one table.

    python benchmarks/uncertainty.py RUN
    python benchmarks/uncertainty.py RUN --ensemble RUN2/best RUN3/best --other STORE2

Each candidate is fitted on the run's validation subjects and measured on its test subjects; where
there are none, on the second half of the validation subjects. Then on harder ones: the last of them
with a tenth of noise, the same with an inverted contrast, and the subjects of another store.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mrtoct.judging.calibration import CalibrationCurve, calibration_curve
from mrtoct.prepare.store import read_manifest
from mrtoct.sampling.subjects import LoadedSubject, load_subject
from mrtoct.training.run import read_run
from mrtoct.translation.bundle import Bundle, read_bundle
from mrtoct.translation.deviation.fit import fit_deviation
from mrtoct.translation.deviation.model import RADIUS, Signs, local_contrast
from mrtoct.translation.predict import predict
from mrtoct.volume import Array

VOXELS = 20_000
Way = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Candidate:
    """Which signs a model may use; ways are further passes through a network."""

    name: str
    hu: bool = False
    contrast: bool = False
    ways: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Seen:
    """Voxels (N,) of some heads: their HU, local contrast, difference by way, and error."""

    hu: Array
    contrast: Array
    differences: dict[str, Array]
    error: Array

    def signs(self, candidate: Candidate) -> Signs:
        """Return the signs that a candidate may use, 0 for the others."""
        none = np.zeros_like(self.hu)
        squares = [np.square(self.differences[way]) for way in candidate.ways]
        return Signs(
            self.hu if candidate.hu else none,
            self.contrast if candidate.contrast else none,
            np.sqrt(np.mean(squares, axis=0)) if squares else none,
        )


def ways_of(network: nn.Module, bundle: Bundle, ensemble: list[nn.Module]) -> dict[str, Way]:
    """Return the further passes by name: MR (C, I, J, K) and head to CT in HU."""

    def by(other: nn.Module) -> Way:
        return lambda mr, head: bundle.window.to_hu(predict(other, bundle, mr, head))

    def shifted(i: int, j: int) -> Way:
        def way(mr: Array, head: Array) -> Array:
            # No multiple of what the network halves: its pixels fall on others.
            around = [(8, 8), (8, 8), (0, 0)]
            moved = np.roll(np.pad(mr, [(0, 0), *around]), (i, j), axis=(1, 2))
            made = by(network)(moved, np.roll(np.pad(head, around), (i, j), axis=(0, 1)))
            return np.roll(made, (-i, -j), axis=(0, 1))[8:-8, 8:-8]

        return way

    def dropped(seed: int) -> Way:
        def way(mr: Array, head: Array) -> Array:
            torch.manual_seed(seed)
            layers = [m for m in network.modules() if isinstance(m, nn.Dropout)]
            for layer in layers:
                layer.train()
            made = by(network)(mr, head)
            for layer in layers:
                layer.eval()
            return made

        return way

    ways: dict[str, Way] = {
        "mirror": lambda mr, head: by(network)(mr[:, ::-1], head[::-1])[::-1],
        "shift 1": shifted(3, 0),
        "shift 2": shifted(7, -6),
        "gamma 1": lambda mr, head: by(network)(mr ** np.float32(0.8), head),
        "gamma 2": lambda mr, head: by(network)(mr ** np.float32(1.25), head),
    }
    if any(isinstance(m, nn.Dropout) and m.p > 0 for m in network.modules()):
        ways |= {f"dropout {n}": dropped(n) for n in range(8)}
    return ways | {f"network {n}": by(other) for n, other in enumerate(ensemble)}


def candidates(names: list[str]) -> list[Candidate]:
    """Return what is compared, from nothing known to everything."""
    groups: dict[str, tuple[str, ...]] = {}
    for name in names:
        groups[name.split()[0]] = (*groups.get(name.split()[0], ()), name)
    both = (*groups["mirror"], *groups["gamma"])
    return [
        Candidate("constant"),
        *(Candidate(group, ways=ways) for group, ways in groups.items()),
        Candidate("surroundings", contrast=True),
        Candidate("HU", hu=True),
        Candidate("HU, surroundings", hu=True, contrast=True),
        *(Candidate(f"HU, surroundings, {g}", True, True, ways) for g, ways in groups.items()),
        Candidate("HU, surroundings, mirror and gamma", True, True, both),
    ]


def look(subject: LoadedSubject, network: nn.Module, bundle: Bundle, ways: dict[str, Way]) -> Seen:
    """Return evenly drawn voxels of the head on both scans."""
    mr, head = np.asarray(subject.mr, dtype=np.float32), subject.mr_head
    ct = bundle.window.to_hu(predict(network, bundle, mr, head))
    kept = np.zeros(head.shape, dtype=np.bool_)
    kept[:, :, subject.kept] = True
    index = np.flatnonzero(kept & subject.head & subject.covered & head)
    index = index[:: max(1, -(-index.size // VOXELS))]
    real = np.clip(subject.hu.ravel()[index], bundle.window.low, bundle.window.high)
    return Seen(
        ct.ravel()[index],
        local_contrast(ct, subject.grid.spacing, RADIUS).ravel()[index],
        {name: (way(mr, head) - ct).ravel()[index] for name, way in ways.items()},
        ct.ravel()[index] - real,
    )


def together(parts: list[Seen]) -> Seen:
    """Pool the voxels of several heads."""
    return Seen(
        np.concatenate([p.hu for p in parts]),
        np.concatenate([p.contrast for p in parts]),
        {n: np.concatenate([p.differences[n] for p in parts]) for n in parts[0].differences},
        np.concatenate([p.error for p in parts]),
    )


def noisy(subject: LoadedSubject) -> LoadedSubject:
    """A tenth of the brightest tissue as noise, and the magnitude of that."""
    rng = np.random.default_rng(1)
    real, imaginary = (rng.normal(0, 0.1, subject.mr.shape) for _ in range(2))
    mr = np.hypot(subject.mr + real, imaginary)
    return replace(subject, mr=np.where(subject.mr_head, mr, 0).clip(0, 1.5).astype(np.float32))


def inverted(subject: LoadedSubject) -> LoadedSubject:
    """Bright where it was dark, as if of another sequence; what gave no signal gives none."""
    mr = np.asarray(subject.mr, dtype=np.float32)
    return replace(subject, mr=np.where(subject.mr_head & (mr > 0.12), 1 - 0.7 * mr, 0).clip(0))


def row(curve: CalibrationCurve) -> str:
    """Coverage of one and two sd, calibration error, AUSE, correlation."""
    return (
        f"{100 * curve.coverage(0.6827):.0f} / {100 * curve.coverage(0.9545):.0f} | "
        f"{curve.calibration_error:.0f} | {curve.ause:.3f} | {curve.rank_correlation:.2f}"
    )


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--ensemble", type=Path, nargs="*", default=[], help="further bundles")
    parser.add_argument("--other", type=Path, help="a store of other heads or objects")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    record = read_run(arguments.run)
    bundle, network = read_bundle(arguments.run / "best")
    ways = ways_of(network, bundle, [read_bundle(path)[1] for path in arguments.ensemble])

    def load(name: str, store: Path = record.store) -> LoadedSubject:
        return load_subject(
            store,
            name,
            channels=bundle.channels,
            spacing=bundle.spacing,
            scaling=bundle.scaling,
        )

    fit, test = record.split.validation, record.split.test
    if not test:
        half = len(fit) // 2
        fit, test = fit[:half], fit[half:]
    hardest = load(test[-1])
    groups = {
        "fit": [load(name) for name in fit],
        "unseen heads": [load(name) for name in test],
        "noise": [noisy(hardest)],
        "inverted contrast": [inverted(hardest)],
    }
    if arguments.other:
        names = read_manifest(arguments.other).subjects
        groups["other"] = [load(name, arguments.other) for name in names]
    seen = {
        group: together([look(subject, network, bundle, ways) for subject in subjects])
        for group, subjects in groups.items()
    }
    models = {c: fit_deviation(seen["fit"].signs(c), seen["fit"].error, heads=len(fit))
              for c in candidates(list(ways))}  # fmt: skip
    for group in list(seen)[1:]:
        error = seen[group].error
        print(f"\n{group}: root mean square error {np.sqrt((error**2).mean()):.0f} HU\n")
        print("| signs | passes | in 1 / 2 sd, % | calibration error, HU | AUSE | correlation |")
        print("| --- | --- | --- | --- | --- | --- |")
        for candidate, model in models.items():
            curve = calibration_curve(error, model.apply(seen[group].signs(candidate)))
            print(f"| {candidate.name} | {1 + len(candidate.ways)} | {row(curve)} |", flush=True)


if __name__ == "__main__":
    main()
