"""Judge a scan for a translator that was trained on every contrast: is it a whole head, well seen?

Nothing of the signal is compared with the training's but its noise and its drift.
"""

from __future__ import annotations

from mrtoct.check.absent import check_face, skull_stripped
from mrtoct.check.finding import Finding
from mrtoct.check.head import (
    LENGTHS_MM,
    WIDTHS_MM,
    check_cut,
    check_head,
    measure_head,
    sides_cut,
)
from mrtoct.check.pair import STATED, Turn, in_words, position_fits
from mrtoct.prepare.absent import Absent, is_brain
from mrtoct.translation.guard.look import DEPTHS_MM, QUANTILES, Look
from mrtoct.translation.guard.quality import check_coarse, check_quality
from mrtoct.translation.guard.seen import SeenChannel
from mrtoct.translation.guard.skull import Skull, find_skull

LEAST_SKULL = 0.5
"""Part of the vault in which a skull must show; see `skull.Skull`."""
NEARLY, NOISY = 0.06, 0.25
"""By so much worse than the worst training head may fit what has the shape of a head, also where
noise eats its rim; a block of meat and a bottle of a head's size are 0.13 worse, noise alone 0.4.
"""
BLACK = 0.002
"""Signal around a brain that was cut out; air has more in nearly all scans."""
EVEN_BRAIN = 0.2
"""Spread of the signal deep in a CT's head, brain is 1; tissues of an MR differ more."""
TURNED, POORER = 0.03, 0.1
"""By so much a wrong way up must fit the average head better than the stated one, and by no more
than so much worse than the worst training head: what has another size fits in no position."""
LEAST_REACH_MM, MOST_REACH_MM = 85.0, 300.0
"""How far down from its top a head must be in view, and may be."""


def check_any(
    look: Look,
    absent: Absent,
    spacing: tuple[float, float, float],
    channel: SeenChannel,
    scan: str,
) -> list[Finding]:
    """Return what is wrong with a head MR of any contrast, measured on voxels of a spacing (mm).

    absent is what is not there of the head; its cuts are in the look already.
    """
    fits = position_fits(channel.average, look.head)
    best = max(fits, key=lambda turn: fits[turn])
    is_turned = fits[best] - fits[STATED] > TURNED and fits[best] > channel.fit - POORER
    skull = find_skull(look, best if is_turned else STATED)
    coarse = check_coarse(spacing, scan)
    like_a_head = fits[STATED] > channel.fit - NEARLY
    # Slices so thick average a skull away.
    if skull.dark < LEAST_SKULL and not (coarse and like_a_head):
        noisy = [f for f in check_quality(look, channel, scan) if f.kind == "noise"]
        if noisy and fits[STATED] > channel.fit - NOISY:
            return noisy  # which hides a skull
        return _without_skull(look, skull, fits[STATED], channel.fit, scan)
    if is_turned:  # all else follows from it
        return [_turned(best, fits, scan)]
    upright = [f for f in check_head(measure_head(look.mask), scan) if f.kind == "not-upright"]
    if upright:
        return upright
    return [
        *check_cut(look.cut_cm2, look.top_cut, scan),
        *_reach(look, scan),
        *check_face(absent, scan),
        *_size(look, scan),
        *coarse,
        *check_quality(look, channel, scan),
    ]


def _without_skull(look: Look, skull: Skull, fit: float, usual: float, scan: str) -> list[Finding]:
    deep = look.profile[DEPTHS_MM.index(18.0)]
    spread = float(deep[QUANTILES.index(0.75)] - deep[QUANTILES.index(0.25)])
    if skull.bright > LEAST_SKULL and spread < EVEN_BRAIN:
        return [
            Finding(
                "unusable",
                "looks-like-ct",
                f"its skull is its brightest layer, in {skull.bright:.0%} of the vault, while its "
                "brain is even: it is a CT or was made from one, because bone is dark in MR; give "
                "the MR",
                scan,
            )
        ]
    width, length = look.numbers["width"], look.numbers["length"]
    seen = f"{width:.0f} mm wide, {length:.0f} mm long"
    if is_brain(width, length) and look.numbers["background"] < BLACK:
        dark = f"a dark layer in {skull.dark:.0%} of the vault, usually in nearly all"
        return [skull_stripped(f"no skull shows below its surface ({seen}; {dark})", scan)]
    if fit > usual - NEARLY:
        return [
            Finding(
                "doubtful",
                "no-skull",
                f"it has the shape of a head, but a skull's dark layer in {skull.dark:.0%} of the "
                "vault, usually in nearly all: is it inverted, smoothed or a segmentation? "
                "Check the scan, and use the scanner's original",
                scan,
            )
        ]
    return [
        Finding(
            "unusable",
            "no-head",
            f"it does not show a head ({seen}; a skull's dark layer in {skull.dark:.0%} of its "
            f"upper part; fits the average head {fit:.2f}, heads {usual:.2f} and more): check the "
            "scan, and translate an MR of a head",
            scan,
        )
    ]


def _turned(best: Turn, fits: dict[Turn, float], scan: str) -> Finding:
    return Finding(
        "doubtful",
        "turned",
        f"the head fits the average head better {in_words(best)} ({fits[best]:.2f}) than as stated "
        f"in the header ({fits[STATED]:.2f}): it would be translated wrongly; correct the "
        "orientation, often lost when files are converted",
        scan,
    )


def _reach(look: Look, scan: str) -> list[Finding]:
    reach = look.numbers["reach"]
    if reach < LEAST_REACH_MM:
        what = "is a slab, too small to recognise a head; do not trust its lowest slices"
    elif reach > MOST_REACH_MM:
        what = "includes much of the body, which the model was not trained on; trust the head only"
    else:
        return []
    said = f"it is in view down to {reach:.0f} mm below the top of the head: this {what}"
    return [Finding("doubtful", "reach", said, scan)]


def _size(look: Look, scan: str) -> list[Finding]:
    width, length = look.numbers["width"], look.numbers["length"]
    cut = set(sides_cut(look.cut_cm2))
    small = (width < WIDTHS_MM[0] and not cut & {"right", "left"}) or (
        length < LENGTHS_MM[0] and not cut & {"front", "back"}
    )
    if not small and width <= WIDTHS_MM[1] and length <= LENGTHS_MM[1]:
        return []
    why = "an infant, or a wrong voxel spacing?" if small else "is the voxel spacing wrong?"
    return [
        Finding(
            "doubtful",
            "head-size",
            f"the head is {width:.0f} mm wide and {length:.0f} mm long; {WIDTHS_MM[0]:.0f} to "
            f"{WIDTHS_MM[1]:.0f} and {LENGTHS_MM[0]:.0f} to {LENGTHS_MM[1]:.0f} mm are usual: "
            f"{why}",
            scan,
        )
    ]
