"""Judge a registration by what the data say, without a reference.

The limits were chosen on simulated heads (two anatomies, thin and 4 mm slices, T1, T2 and PD, up
to 40 mm and 25 degrees off, 40 % of the MR cut away), one real object, and planted failures;
benchmarks/registration_trust.py tests them on heads that had no part in it.

- contrast: right 0.28 to 0.50 (with little in common 0.25, the real object, which is no head,
  0.21); noise and another subject's MR -0.01 to 0.21; heads turned by 180 degrees about the body's
  axis 0.21 to 0.25
- between the two, a rival settles it once all patient positions were tried: beside right ends
  the next best reached 0.86 of the mutual information at most, beside wrong ones at least 0.95
- a mirrored head reached 0.89 to 0.97 of the metric of right ones and 1.05 to 1.15 of that of MR
  that had been flipped; another subject's MR lies between, about 1

How many starts agree says little by itself: a wrong patient position attracts them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "doubtful"]

LEAST_CONTRAST = 0.20
CLEAR_CONTRAST = 0.27
BEATEN_RIVAL = 0.85
"""With a contrast between the two, the next best alignment must be worse than this."""
CLOSE_RIVAL = 0.97
"""An alignment with so much of the metric is as good."""
MIRRORED = 1.01
"""A mirrored head must not fit better than the head itself; noise may cost it a percent."""


@dataclass(frozen=True)
class Evidence:
    """What a registration's data say about it."""

    contrast: float  # part of the mutual information lost 10 mm away
    agreeing: int  # starts that ended at the result
    starts: int  # starts tried
    rival: float  # the best other end's metric over that of the result; nan where there is none
    mirrored: float  # a mirrored head's metric over that of the head
    searched: Literal["near", "wide"]


def judge(evidence: Evidence) -> tuple[Verdict, str]:
    """Return a verdict and a sentence that gives its reason."""
    contrast, rival = evidence.contrast, evidence.rival
    lost = f"moving the MR by 10 mm loses {contrast:.0%} of the mutual information"
    if contrast < LEAST_CONTRAST:
        return "doubtful", (
            f"{lost}, at least {LEAST_CONTRAST:.0%} is usual: another patient position, another "
            "subject, or too little in common"
        )
    if evidence.mirrored > MIRRORED:
        return "doubtful", (
            f"mirrored, the MR fits better ({evidence.mirrored:.0%} of the mutual information): "
            "was one of the scans flipped left to right, or are they of different subjects?"
        )
    if rival > CLOSE_RIVAL:
        return "doubtful", f"a different alignment reaches {rival:.0%} of the mutual information"
    unclear = f"{lost}, less than the {CLEAR_CONTRAST:.0%} of a clear peak"
    if contrast < CLEAR_CONTRAST and evidence.searched == "near":
        return "doubtful", f"{unclear}, and other patient positions were not tried"
    if contrast < CLEAR_CONTRAST and rival >= BEATEN_RIVAL:
        return "doubtful", (
            f"{unclear}, and a different alignment reaches {rival:.0%} of the mutual information"
        )
    return "good", f"{evidence.agreeing} of {evidence.starts} starts agree and {lost}"
