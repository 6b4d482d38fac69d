"""Look at a whole cohort: its subjects in parallel, then what only shows between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from mrtoct.check.finding import Finding, Weight
from mrtoct.check.subject import SubjectCheck, as_json, check_subject
from mrtoct.datasets.subject_files import Listing
from mrtoct.hardware.cluster import spread
from mrtoct.hardware.progress import Update, Watcher, nobody

FEWEST_TO_COMPARE = 4
"""Subjects from which on one that was stored differently from all others is worth a word."""


@dataclass(frozen=True)
class CohortCheck:
    """What a look at a cohort gave."""

    layout: str
    channels: dict[str, int]
    """In how many subjects each MR channel is."""
    subjects: list[SubjectCheck]
    """Sorted by name."""
    rejected: dict[str, str]
    """What is there but no subject, and why."""

    @property
    def usable(self) -> bool:
        """Whether nothing is rejected or unusable."""
        return not self.rejected and all(s.verdict != "unusable" for s in self.subjects)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "layout": self.layout,
            "channels": self.channels,
            "usable": self.usable,
            "subjects": [as_json(s) for s in self.subjects],
            "rejected": self.rejected,
        }


def check_cohort(
    listing: Listing,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    watcher: Watcher = nobody,
) -> CohortCheck:
    """Look at every subject of a listing; watcher is told of each as it is done.

    scheduler is the address of a Dask cluster that does it in the place of workers here; paths are
    then absolute.
    """
    jobs = [(files,) for files in listing.subjects]
    workers = min(workers, len(jobs))
    done: list[SubjectCheck] = []
    for check in spread(check_subject, jobs, workers, scheduler):
        done.append(check)
        watcher(Update(len(done), len(jobs), check.name))
    done.sort(key=lambda check: check.name)
    channels: dict[str, int] = defaultdict(int)
    for files in listing.subjects:
        for channel in files.mr:
            channels[channel] += 1
    between: dict[str, list[Finding]] = defaultdict(list)
    for found in (_copies(done), _odd_ones(done), _missing(listing, channels)):
        for name, findings in found.items():
            between[name] += findings
    subjects = [replace(s, findings=[*s.findings, *between[s.name]]) for s in done]
    return CohortCheck(listing.layout, dict(channels), subjects, dict(listing.rejected))


def _copies(subjects: Iterable[SubjectCheck]) -> dict[str, list[Finding]]:
    """Find scans whose values are those of another scan, within a subject and between them."""
    places: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for subject in subjects:
        for scan, facts in subject.scans.items():
            places[facts.fingerprint].append((subject.name, scan))
    found: dict[str, list[Finding]] = defaultdict(list)
    for copies in places.values():
        for name, scan in copies:
            own = [other for n, other in copies if n == name and other != scan]
            if own:
                sentence = f"has the same voxels as {' and '.join(own)}; give the right file"
                # Two channels that are one do no harm; a CT that is its own MR teaches nothing.
                harm: Weight = "unusable" if "CT" in (scan, *own) else "doubtful"
                found[name].append(Finding(harm, "same-scan", sentence, scan))
            others = [f"{n} ({other})" for n, other in copies if n != name]
            if others:
                more = f" and {len(others) - 3} more" if len(others) > 3 else ""
                found[name].append(
                    Finding(
                        "doubtful",
                        "copy",
                        f"has the same voxels as {', '.join(others[:3])}{more}; one head in two "
                        "subjects may be in training and test: keep one, or give the right file",
                        scan,
                    )
                )
    return found


def _odd_ones(subjects: list[SubjectCheck]) -> dict[str, list[Finding]]:
    """Find the scan that alone is stored left-handed, or alone is not: converted another way."""
    found: dict[str, list[Finding]] = {}
    for scan in {scan for subject in subjects for scan in subject.scans}:
        hands = {s.name: s.scans[scan].grid.left_handed for s in subjects if scan in s.scans}
        for hand in (True, False):
            odd = [name for name, left in hands.items() if left is hand]
            if len(odd) == 1 and len(hands) >= FEWEST_TO_COMPARE:
                what = "mirrored (a left-handed affine)" if hand else "not mirrored"
                found.setdefault(odd[0], []).append(
                    Finding(
                        "doubtful",
                        "handedness",
                        f"is stored {what}, unlike the {len(hands) - 1} others: it was converted "
                        "differently; compare left and right with the original scan",
                        scan,
                    )
                )
    return found


def _missing(listing: Listing, channels: dict[str, int]) -> dict[str, list[Finding]]:
    """Note the channels that others have."""
    total = len(listing.subjects)
    return {
        files.name: [
            Finding(
                "note",
                "missing-channel",
                f"has no MR channel {c}, which {channels[c]} of {total} subjects have",
            )
            for c in channels
            if c not in files.mr
        ]
        for files in listing.subjects
    }
