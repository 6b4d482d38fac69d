"""What every data set's layout comes down to: named subjects and where their scans lie."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from mrtoct.errors import CohortError
from mrtoct.io.scan import Scan

MOST_NAME = 100
"""Characters in a subject's name: it becomes a folder's, and disks hold 255 bytes."""


KINDS = ("sct", "ct", "mr", "mask")
"""Words in files' names that say what is in them."""


@dataclass(frozen=True)
class SubjectFiles:
    """The scans of one subject."""

    name: str
    mr: dict[str, Scan]
    """By channel, such as "T1"; "mr" where a subject has one and its contrast is not said."""
    ct: Scan
    ct_to_mr: Path | None = None
    """A known rigid transform (ITK file, CT points to points of the first MR channel);
    registration is then skipped."""
    aligned: bool = False
    """Every scan is already in one frame: nothing is registered (SynthRAD comes so)."""
    mask: Path | None = None
    """Where the data set's authors want errors to be counted, on the CT's grid."""


@dataclass(frozen=True)
class Listing:
    """What a source holds: usable subjects, and why each other one is not."""

    layout: str
    """In a word: plain, rire, synthrad, bids, table."""
    subjects: list[SubjectFiles]
    rejected: dict[str, str] = field(default_factory=dict)

    @property
    def channels(self) -> list[str]:
        """The MR channels that every subject has, in the order of the first subject's."""
        if not self.subjects:
            return []
        shared = set.intersection(*(set(s.mr) for s in self.subjects))
        return [c for c in self.subjects[0].mr if c in shared]


def name_fault(name: str) -> str | None:
    """Say why a subject's name cannot be a folder's name on every system, None if it can."""
    if not name or name != name.strip():
        return "a subject's name is not empty and does not begin or end with a space"
    if len(name) > MOST_NAME:
        return f"a subject's name has at most {MOST_NAME} characters"
    if name[0] == "." or name[-1] == ".":
        return "a subject's name does not begin or end with a dot"
    bad = [c for c in name if c in '/\\:*?"<>|' or not c.isprintable()]
    if bad:
        return f"a subject's name is used for a folder; {bad[0]!r} is not allowed in it"
    if re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?|manifest\.json|sha256sums", name):
        return "this name is reserved"
    return None


def named_after(stem: str, *kinds: str) -> str:
    """Return the subject in a name such as sct_1BA001 or 1BA001-sct, "" where it is none."""
    words = f"(?i:{'|'.join(kinds)})"
    parts = re.fullmatch(rf"{words}[_-](.+)|(.+)[_-]{words}", stem)
    return (parts[1] or parts[2]) if parts else ""


def person_of(name: str) -> str:
    """Return whose scans a subject is: sub-01 of sub-01_ses-02, as BIDS names a person's visits.

    Every other subject is a person of its own.
    """
    visit = re.fullmatch(r"(sub-[A-Za-z0-9+]+)_ses-[A-Za-z0-9+]+", name)
    return visit[1] if visit else name


def channel_fault(channel: str) -> str | None:
    """Say why a name cannot be an MR channel's, None if it can: it enters files' names, too."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}", channel):
        return None
    return (
        f"an MR channel's name is 1 to 40 letters, digits, dots, dashes and underscores, such as "
        f"T1, got {channel!r}"
    )


def usable(listing: Listing, source: Path, wanted: str) -> Listing:
    """Return a listing that holds a subject; CohortError with the first reasons if none does.

    wanted says in a phrase what the layout looks for.
    """
    if listing.subjects:
        return listing
    reasons = list(listing.rejected.values())
    why = "; ".join(reasons[:3]) or "it has no subfolders"
    more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    raise CohortError(f"{source} holds no subject {wanted}: {why}{more}")
