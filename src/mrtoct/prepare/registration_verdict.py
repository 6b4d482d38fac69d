"""Judge a registration by what the data say, without a reference.

How the limits were found: about 90 registrations of simulated heads known to be right (two
anatomies, thin and 4 mm slices, T1, T2 and PD, head up to 40 mm and 25 degrees off, half of the
MR cut away), one real object, and 60 planted failures: another subject's MR, the MR turned by 180
degrees about each axis, starts 70 degrees off, noise, other objects. Contrast told them apart:

- right: heads 0.28 to 0.50; the real object, which is no head, 0.21
- wrong: -0.07 to 0.19, but for thick-slice heads turned by 180 degrees about the body's axis,
  0.21 to 0.25, and one end in a neighbouring optimum, 0.23, which no second start shared

Between the two, a rival settles it: searched widely, the real object's next best position reached
0.77 of its mutual information, those of the turned heads 0.95. How many starts agree says little
by itself: a wrong patient position attracts them all. A mirrored head is not recognised.
"""

from __future__ import annotations

from typing import Literal

Verdict = Literal["good", "doubtful"]

LEAST_CONTRAST = 0.20
CLEAR_CONTRAST = 0.27
BEATEN_RIVAL = 0.85
"""With a contrast between the two, the next best alignment must be worse than this."""
CLOSE_RIVAL = 0.97
"""An alignment with so much of the metric is as good; right heads had rivals of 0.93 at most."""


def judge(contrast: float, agreeing: int, starts: int, rival: float) -> tuple[Verdict, str]:
    """Return a verdict and a sentence that gives its reason.

    contrast is the part of the mutual information lost 10 mm away, agreeing how many of the
    starts ended at the result, rival the metric of the best other end over that of the result
    (nan: there is none).
    """
    lost = f"moving the MR by 10 mm loses {contrast:.0%} of the mutual information"
    if contrast < LEAST_CONTRAST:
        return "doubtful", (
            f"{lost}, at least {LEAST_CONTRAST:.0%} is usual: another patient position, another "
            "subject, or too little in common"
        )
    if rival > CLOSE_RIVAL:
        return "doubtful", f"a different alignment reaches {rival:.0%} of the mutual information"
    if contrast < CLEAR_CONTRAST and not (agreeing > 1 and rival < BEATEN_RIVAL):
        return "doubtful", (
            f"{lost}, less than the {CLEAR_CONTRAST:.0%} of a clear peak, and no wider search "
            "has ruled out other patient positions"
        )
    return "good", f"{agreeing} of {starts} starts agree and {lost}"
