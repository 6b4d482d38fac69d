"""Look at one subject: every scan by itself, then CT and MR together. Each file is read once."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mrtoct.check.absent import NOT_UPRIGHT, check_absent
from mrtoct.check.finding import Finding, Verdict, verdict_of
from mrtoct.check.geometry import GridFacts, check_grid, check_header, grid_facts
from mrtoct.check.head import HeadFacts, check_facing, check_head, measure_head
from mrtoct.check.hounsfield import check_bone, check_scale
from mrtoct.check.metal import check_metal
from mrtoct.check.pair import check_overlap, check_position, check_size, coarse_ct, coarse_mr
from mrtoct.check.signal import check_modality, check_signal_range
from mrtoct.check.slices import check_slices
from mrtoct.check.values import find_peaks, fingerprint
from mrtoct.datasets.subject_files import SubjectFiles
from mrtoct.errors import MrtoctError
from mrtoct.io.files import read_scan, read_volume
from mrtoct.io.scan import Scan
from mrtoct.io.transforms import read_transform
from mrtoct.prepare.absent import find_absent
from mrtoct.prepare.intensity import checked_ct, from_zero
from mrtoct.prepare.mask import head_mask_ct, head_mask_mr
from mrtoct.prepare.metal import find_metal
from mrtoct.volume import Array, Volume, require_same_grid, require_signal
from mrtoct.volume.picture import share


@dataclass(frozen=True)
class ScanFacts:
    """What a scan is, without a judgement."""

    grid: GridFacts
    lowest: float
    highest: float
    background: float
    """The most frequent value of the background, such as -1000 HU."""
    body: float
    """The most frequent value of the body."""
    fingerprint: str
    """Of how often each value occurs: equal for copies, however turned."""
    head: HeadFacts | None
    """None where no head was looked for or found."""


@dataclass(frozen=True)
class SubjectCheck:
    """What a look at a subject gave."""

    name: str
    findings: list[Finding]
    scans: dict[str, ScanFacts] = field(default_factory=dict)
    """By "CT" and "MR <channel>"."""
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return verdict_of(self.findings)


@dataclass(frozen=True, eq=False)
class _Head:
    """A scan whose head was found, to be compared with others."""

    volume: Volume
    mask: Volume
    facts: HeadFacts


@dataclass(frozen=True, eq=False)
class _Look:
    """What a look at one scan gave."""

    findings: list[Finding]
    facts: ScanFacts | None = None
    head: _Head | None = None


def check_subject(files: SubjectFiles) -> SubjectCheck:
    """Look at one subject; whatever is wrong becomes a finding, nothing is raised for it."""
    start = time.perf_counter()
    scans = {"CT": files.ct}
    for channel, scan in files.mr.items():
        scans["MR" if channel == "mr" else f"MR {channel}"] = scan
    looks = {name: _look(scan, name) for name, scan in scans.items()}
    findings = [finding for look in looks.values() for finding in look.findings]
    kinds = {finding.kind for finding in findings}
    if {"looks-like-mr", "looks-like-ct"} <= kinds:
        findings.append(Finding("unusable", "exchanged", "CT and MR are swapped: rename them"))
    findings += _compare(files, looks)
    # A head that looks back has its nape in front, which recedes as if a face were missing.
    looks_back = {
        finding.scan for finding in findings if finding.kind in ("position", "not-facing")
    }
    findings = [f for f in findings if f.kind != "no-face" or f.scan not in looks_back]
    facts = {name: look.facts for name, look in looks.items() if look.facts}
    return SubjectCheck(files.name, findings, facts, round(time.perf_counter() - start, 2))


def _look(scan: Scan, name: str) -> _Look:
    """Look at one scan by itself."""
    try:
        volume = read_scan(scan, "HU" if name == "CT" else "a.u.")
        require_signal(volume, name)
    except MrtoctError as error:
        return _Look([Finding("unusable", "unreadable", str(error), name)])
    grid = grid_facts(volume.grid)
    findings = check_grid(grid, name)
    if scan.path.is_file():
        findings += check_header(scan.path, name)
    if volume.measured is not None:
        part = share(volume.unmeasured)
        missing = f"{part} of its voxels were not measured and are left out of training"
        findings.append(Finding("note", "not-measured", missing, name))
    peaks = find_peaks(volume.voxels)
    if name == "CT":
        findings += check_scale(volume, peaks)
    else:
        findings += check_modality(volume, peaks, name)
    head = None
    if verdict_of(findings) != "unusable":
        try:
            head = _find_head(volume, name)
            findings += _look_at_head(head, name)
        except MrtoctError as error:
            findings.append(Finding("unusable", "no-head", str(error), name))
    low, high = float(volume.known.min()), float(volume.known.max())
    facts = ScanFacts(
        grid,
        low,
        high,
        round(peaks.background, 4),
        round(peaks.body, 4),
        fingerprint(volume.voxels),
        head.facts if head else None,
    )
    return _Look(findings, facts, head)


def _find_head(volume: Volume, name: str) -> _Head:
    """Find the head as preparation will."""
    if name == "CT":
        volume = checked_ct(volume)
        mask = head_mask_ct(volume)
    else:
        mask = head_mask_mr(from_zero(volume))
    return _Head(volume, mask, measure_head(mask))


def _look_at_head(head: _Head, name: str) -> list[Finding]:
    volume, inside = head.volume, head.mask.voxels
    if name == "CT":
        findings = check_bone(volume, inside) + check_metal(find_metal(volume), head.mask)
        low, high = -1000.0, 1000.0
    else:
        findings = check_signal_range(volume, inside, name)
        low, high = float(volume.voxels.min()), float(np.percentile(volume.voxels[inside], 99.5))
    absent = find_absent(volume, head.mask)
    findings += check_slices(volume, inside, low, high, name, ~absent.mask.voxels)
    odd = check_absent(absent, check_head(head.facts.with_cuts(absent.cut_cm2), name), name)
    # Where the head ends, or whether it is one, must be clear before its front can be looked for.
    if name == "CT" and not NOT_UPRIGHT & {finding.kind for finding in odd}:
        odd += check_facing(volume, inside)
    return findings + odd


def _compare(files: SubjectFiles, looks: dict[str, _Look]) -> list[Finding]:
    """Look at the CT and each MR together, and at what comes with them."""
    ct = looks["CT"].head
    if ct is None:
        return []
    findings = []
    known: Array | None = np.eye(4) if files.aligned else None
    try:
        if files.ct_to_mr:
            known = read_transform(files.ct_to_mr, rigid=True)
        if files.mask:
            mask = read_volume(files.mask, "label").stored_as(ct.volume.grid)
            require_same_grid(mask.grid, ct.volume.grid, "the mask", "the CT")
            if not (mask.voxels > 0).any():
                findings.append(Finding("unusable", "extra", f"{files.mask} is empty"))
    except MrtoctError as error:
        findings.append(Finding("unusable", "extra", str(error)))
    coarse = coarse_ct(ct.volume, ct.mask)
    first = next(name for name in looks if name != "CT")
    for name, look in looks.items():
        mr = look.head
        if name == "CT" or mr is None:
            continue
        findings += check_size(ct.facts, mr.facts, name)
        # A known transform is the first channel's.
        if known is not None and (files.aligned or name == first):
            findings += check_overlap(ct.mask, mr.mask, known, name)
        # A scan that is turned by itself needs no comparison to say so.
        elif not _is_turned(look.findings + looks["CT"].findings):
            findings += check_position(coarse, coarse_mr(mr.volume, mr.mask), name)
    return findings


def _is_turned(findings: list[Finding]) -> bool:
    return any(finding.kind in ("not-upright", "not-facing") for finding in findings)


def as_json(check: SubjectCheck) -> dict[str, Any]:
    """Return a subject's check as JSON takes it."""
    record = asdict(check)
    return {"name": record.pop("name"), "verdict": check.verdict, **record}
