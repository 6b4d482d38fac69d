"""What do dose and range say of a synthetic CT, and of one without bone?

    python -m benchmarks.dose ENGINE                       # the demo's head, translated as shipped
    python -m benchmarks.dose ENGINE --pair NAME SCT CT    # a head of yours instead

ENGINE is the Python of an environment with pyRadPlan (docs/radiotherapy.md). Plans are made on the
CT; printed are, for the synthetic CT and for the CT with 40 HU in place of bone, gamma of protons
and photons, the target's D98, path lengths of beams all around, and, for one beam from the left, by
how much its dose's 80 % edge moved against what the path lengths foretell. On a busy machine
processor seconds say more than the clock.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from mrtoct.cli.demo import SEED, head_settings
from mrtoct.io.files import read_volume
from mrtoct.phantom import make_subject
from mrtoct.properties.curves.find import CURVES
from mrtoct.properties.dose.compare import (
    BONELESS,
    GANTRY,
    GRID_MM,
    REAL,
    SYNTHETIC,
    DoseComparison,
    PlannedHead,
    compare_doses,
    planned_head,
    without_bone,
)
from mrtoct.properties.dose.engine import Plan, require_engine
from mrtoct.properties.ranges import compare_ranges, default_target
from mrtoct.properties.rays import along
from mrtoct.properties.wepl import beam_paths, ring
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Array, Volume

SPR, RED = CURVES["spr"]["schneider-2000"], CURVES["red"]["schneider-2000"]
FROM_LEFT = 90.0
EDGE = 0.8
STEP_MM = 0.25


def demo_pair() -> tuple[Volume, Volume]:
    """Return the demo's head: the shipped model's synthetic CT, and the true CT on its grid."""
    from mrtoct.translation.translator import Translator

    scanned = head_settings()
    full = replace(scanned, ct_shape=scanned.mr_shape, ct_spacing=scanned.mr_spacing)
    subject = make_subject(SEED, full)
    sct = Translator.load().translate(subject.mr["T1"])
    back = np.linalg.inv(subject.ct_to_mr)
    return sct, resample(subject.ct, sct.grid, fill=AIR_HU, transform=back)


def edge_shifts(head: PlannedHead, found: DoseComparison, name: str) -> tuple[Array, Array]:
    """Return, ray by ray, how far a beam's edge moved and how far path lengths say it does, mm.

    The edge is the last 80 % of the prescription. It lies in brain: there a millimetre of water
    is a little less.
    """
    beam = next(b for b in ring(4) if b.name == f"gantry {FROM_LEFT:g}")
    paths = beam_paths(head.cts[REAL], head.cts[name], head.body, head.target, beam, SPR)
    grid = head.body.grid
    middle = grid.to_world(np.argwhere(head.target.voxels)).mean(axis=0)
    # Across the beam lies y, up lies z.
    starts = np.empty((len(paths.across_mm), 3))
    starts[:, 0] = grid.to_world((0, 0, 0))[0]
    starts[:, 1:] = middle[1:] + paths.across_mm
    towards = np.broadcast_to(np.asarray(beam.towards), starts.shape)
    length = grid.shape[0] * grid.spacing[0]
    edges = []
    for on in (REAL, name):
        dose = along(found.doses[on], starts, towards, length, STEP_MM, fill=0.0)
        high = dose >= EDGE * found.plan.prescribed_gy
        last = np.where(high.any(axis=1), high.shape[1] - high[:, ::-1].argmax(axis=1), 0)
        edges.append(last * STEP_MM)
    seen = (edges[0] > 0) & (edges[1] > 0)
    brain = float(SPR(np.array([40.0]))[0])
    return (edges[1] - edges[0])[seen], -paths.error_mm[seen] / brain


def report(name: str, synthetic: Volume, real: Volume, engine: Path) -> list[str]:
    """Return the table's rows of a head."""
    start = processor_seconds()
    target = default_target(real)
    head = planned_head(synthetic, real, target)
    found, seconds = {}, {"masks": processor_seconds() - start}
    for title, plan, curve in (
        ("protons", Plan("protons", GANTRY["protons"]), SPR),
        ("photons", Plan("photons", GANTRY["photons"]), RED),
        ("one beam", Plan("protons", (FROM_LEFT,)), SPR),
    ):
        start = processor_seconds()
        found[title] = compare_doses(head, plan, curve, engine)
        seconds[title] = processor_seconds() - start
    rows = []
    for on in (SYNTHETIC, BONELESS):
        start = processor_seconds()
        other = synthetic if on == SYNTHETIC else without_bone(real)
        ranges = compare_ranges(other, real, target, ring(), SPR).all
        seconds["path lengths"] = processor_seconds() - start
        moved, foretold = edge_shifts(head, found["one beam"], on)
        cells = [name, on]
        for title in ("protons", "photons"):
            gamma = found[title].figures[on].gamma
            cells.append(" / ".join(f"{rate:.1f}" for rate in gamma.values()))
        for title in ("protons", "photons"):
            on_ct, here = (found[title].figures[n].target.d98_gy for n in (REAL, on))
            cells.append(f"{100 * (here / on_ct - 1):+.1f}")
        cells.append(f"{ranges.mean_mm:+.2f} ± {ranges.sd_mm:.2f}")
        cells.append(f"{foretold.mean():+.2f} ± {foretold.std():.2f}")
        cells.append(f"{moved.mean():+.2f} ± {moved.std():.2f}")
        rows.append("| " + " | ".join(cells) + " |")
    spots = ", ".join(f"{title} {comparison.answer.spots}" for title, comparison in found.items())
    told = ", ".join(f"{title} {value:.0f}" for title, value in seconds.items())
    print(f"{name}: spots {spots}; processor seconds {told}", flush=True)
    return rows


def processor_seconds() -> float:
    """Return what this process and those it waited for have computed: fair on a busy machine."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def main() -> None:
    """Print the table of all heads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", type=Path)
    parser.add_argument(
        "--pair", nargs=3, action="append", metavar=("NAME", "SCT", "CT"), default=[]
    )
    arguments = parser.parse_args()
    engine = require_engine(arguments.engine)
    pairs = [(n, read_volume(s, "HU"), read_volume(c, "HU")) for n, s, c in arguments.pair]
    rows = []
    for name, synthetic, real in pairs or [("demo head", *demo_pair())]:
        rows += report(name, synthetic, real, engine)
    print(f"\nDose grid {GRID_MM:g} mm.\n")
    print(
        "| head | on | protons, gamma 2 %/2 mm / 1 %/1 mm | photons | D98 protons, % | photons | "
        "path length, mm | edge foretold, mm | edge moved, mm |"
    )
    print("|" + " --- |" * 9)
    print("\n".join(rows))


if __name__ == "__main__":
    main()
