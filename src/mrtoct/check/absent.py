"""What of a head is not in its scan, in words: no face, no skull."""

from __future__ import annotations

from mrtoct.check.finding import Finding
from mrtoct.prepare.absent import Absent

NOT_UPRIGHT = {"not-upright", "no-neck"}
"""Findings after which nobody knows where a face would be."""


def check_absent(absent: Absent, found: list[Finding], scan: str) -> list[Finding]:
    """Return findings on a head with what is known of it by what is not there of it.

    A brain without its skull ends in view on all sides; that it does so is then no more to be said.
    """
    if absent.stripped and any(finding.kind == "no-neck" for finding in found):
        said = "the object ends in blank air on all sides and has the size of a brain"
        return [skull_stripped(said, scan)]
    return found + (check_face(absent, scan) if not {f.kind for f in found} & NOT_UPRIGHT else [])


def check_face(absent: Absent, scan: str) -> list[Finding]:
    """Return a finding if the face was removed."""
    if not absent.face_mm:
        return []
    return [
        Finding(
            "doubtful",
            "no-face",
            "the face was removed: not measured there (below the eyes the head is "
            f"{absent.face_mm:.0f} mm behind the forehead); do not trust the synthetic CT near "
            "it, or use the original scan",
            scan,
        )
    ]


def skull_stripped(seen: str, scan: str) -> Finding:
    """Say that a brain is all there is of a head, and by what it was seen."""
    return Finding(
        "doubtful",
        "skull-stripped",
        f"{seen}: skull and scalp were removed, are not measured, and cannot be inferred from the "
        "brain; use the original scan",
        scan,
    )
