"""Judge a scan for a translator that was trained on every contrast: is it a whole head, well seen?

Nothing of the signal is compared with the training's but its noise and its drift.
"""

from __future__ import annotations

import numpy as np

from mrtoct.check.finding import Finding
from mrtoct.check.head import LENGTHS_MM, WIDTHS_MM, check_head, measure_head
from mrtoct.check.pair import STATED, Turn, in_words, position_fits
from mrtoct.translation.guard.face import missing_face
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
BRAIN_WIDTHS_MM, BRAIN_LENGTHS_MM, BRAIN_RATIOS = (100.0, 160.0), (130.0, 205.0), (1.1, 1.6)
"""Of what has no skull and lies in exact darkness: sizes of a brain, and length by width."""
BLACK = 0.002
"""Signal around a brain that was cut out; air has more in nearly all scans."""
EVEN_BRAIN = 0.2
"""Spread of the signal deep in a CT's head, brain is 1; tissues of an MR differ more."""
TURNED, POORER = 0.03, 0.1
"""By so much a wrong way up must fit the average head better than the stated one, and by no more
than so much worse than the worst training head: what has another size fits in no position."""
MOST_CUT_CM2, MOST_TOP_CUT, SMALL_TOP_CUT = 30.0, 0.42, 0.12
"""Area of the head on a side of the view: 19 at most where ears and the tip of the nose are. Of the
largest section, the top's: a scan that starts 15 mm below the vertex has 0.3, 20 mm 0.4."""
VAULT_MM = 90.0
"""From the vertex down to the largest section."""
LEAST_REACH_MM, MOST_REACH_MM = 85.0, 300.0
"""How far down from its top a head must be in view, and may be."""
_SIDES = ("right", "left", "front", "back")


def check_any(
    look: Look, spacing: tuple[float, float, float], channel: SeenChannel, scan: str
) -> list[Finding]:
    """Return what is wrong with a head MR of any contrast, measured on voxels of a spacing (mm)."""
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
        *_cut(look, scan),
        *_face(look, scan),
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
                "brain is even: it is a CT or was made from one, and bone is dark in MR; name the "
                "MR",
                scan,
            )
        ]
    width, length = look.numbers["width"], look.numbers["length"]
    seen = f"{width:.0f} mm wide, {length:.0f} mm long"
    is_brain = (
        BRAIN_WIDTHS_MM[0] <= width <= BRAIN_WIDTHS_MM[1]
        and BRAIN_LENGTHS_MM[0] <= length <= BRAIN_LENGTHS_MM[1]
        and BRAIN_RATIOS[0] <= length / width <= BRAIN_RATIOS[1]
    )
    if is_brain and look.numbers["background"] < BLACK:
        return [
            Finding(
                "doubtful",
                "skull-stripped",
                f"no skull shows below its surface ({seen}; a dark layer in {skull.dark:.0%} of "
                "the vault, usually in nearly all): skull and scalp were removed, and cannot be "
                "guessed from a brain; use the scan as it was before",
                scan,
            )
        ]
    if fit > usual - NEARLY:
        return [
            Finding(
                "doubtful",
                "no-skull",
                f"it has the shape of a head, but a skull's dark layer in {skull.dark:.0%} of the "
                "vault, usually in nearly all: is it inverted, smoothed or a segmentation? "
                "Look at the scan, and use the scanner's own",
                scan,
            )
        ]
    return [
        Finding(
            "unusable",
            "no-head",
            f"what it shows is no head ({seen}; a skull's dark layer in {skull.dark:.0%} of its "
            f"upper part; fits the average head {fit:.2f}, heads {usual:.2f} and more): "
            "look at the scan, and translate an MR of a head",
            scan,
        )
    ]


def _turned(best: Turn, fits: dict[Turn, float], scan: str) -> Finding:
    return Finding(
        "doubtful",
        "turned",
        f"the head fits the average head better {in_words(best)} ({fits[best]:.2f}) than as the "
        f"file says ({fits[STATED]:.2f}): it would be translated wrongly; correct the "
        "orientation, often lost when files are converted",
        scan,
    )


def _cut(look: Look, scan: str) -> list[Finding]:
    numbers = look.numbers
    found = []
    sides = [
        f"at the {side} ({numbers[f'cut {side}']:.0f} cm2)"
        for side in _SIDES
        if numbers[f"cut {side}"] > MOST_CUT_CM2
    ]
    if sides:
        found.append(
            Finding(
                "doubtful",
                "cut",
                f"the field of view cuts the head {' and '.join(sides)}: what is beyond is missing "
                "in the synthetic CT, too, and what is beside it is doubtful; use a scan of the "
                "whole head",
                scan,
            )
        )
    largest = np.pi / 4 * numbers["width"] * numbers["length"] / 100
    part = min(numbers["cut top"] / largest, 1.0)
    if part > SMALL_TOP_CUT:
        missing = VAULT_MM * (1 - np.sqrt(1 - part))
        found.append(
            Finding(
                "doubtful" if part > MOST_TOP_CUT else "note",
                "top-missing",
                f"the top of the head, about {missing:.0f} mm, is out of view: it is missing in "
                "the synthetic CT, too; do not trust its uppermost slices",
                scan,
            )
        )
    reach = numbers["reach"]
    if reach < LEAST_REACH_MM:
        what = "is a slab, too little to know a head by; do not trust its lowest slices"
    elif reach > MOST_REACH_MM:
        what = "holds much of the body, which the model never learnt; trust the head only"
    else:
        return found
    said = f"it is in view down to {reach:.0f} mm below the top of the head: this {what}"
    return [*found, Finding("doubtful", "reach", said, scan)]


def _face(look: Look, scan: str) -> list[Finding]:
    gone = missing_face(look)
    if not gone:
        return []
    return [
        Finding(
            "doubtful",
            "no-face",
            f"the face was removed: not measured there (below the eyes the head lies {gone:.0f} mm "
            "behind the forehead); do not trust the synthetic CT near it, or use the scan as it "
            "was before",
            scan,
        )
    ]


def _size(look: Look, scan: str) -> list[Finding]:
    width, length = look.numbers["width"], look.numbers["length"]
    cut = {side: look.numbers[f"cut {side}"] > MOST_CUT_CM2 for side in _SIDES}
    small = (width < WIDTHS_MM[0] and not (cut["right"] or cut["left"])) or (
        length < LENGTHS_MM[0] and not (cut["front"] or cut["back"])
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
