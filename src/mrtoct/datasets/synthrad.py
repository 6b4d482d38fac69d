"""The SynthRAD challenges' data: Task1/<region>/<id>/ with mr, ct and mask, already registered.

2023: regions brain and pelvis, .nii.gz; 2025: HN, TH and AB, .mha. Training subjects have a CT,
those to be validated and tested on have none. Beside the subjects lies a folder of pictures
(overview in 2023, overviews in 2025).
Sources: Thummerer et al. 2023 (doi:10.1002/mp.16529) and the SynthRAD2025 data descriptor.
"""

from __future__ import annotations

import re
from pathlib import Path

from mrtoct.datasets.plain import scans_of, visible
from mrtoct.datasets.subject_files import Listing, SubjectFiles, usable
from mrtoct.errors import CohortError, FileError
from mrtoct.io.scan import Scan

REGIONS = ("brain", "pelvis", "HN", "TH", "AB")
PICTURES = ("overview", "overviews")

_ID = re.compile(r"1(B|P|HN|TH|AB)[A-Z]\d{3}")
"""1 is the task, then the region, the center and a number: 1BA001, 1HNC117."""
_TASK = re.compile(r"(?i)task[ _]?1(_(train|val|test).*)?")


def regions_in(source: Path) -> list[Path]:
    """Return the region folders of a source: itself, below it, below Task1 or one folder above.

    Several parts of the data, each unpacked with its own Task1, may lie side by side.
    """
    if _is_region(source):
        return [source]
    found: list[Path] = []
    for folder in _folders(source):
        if folder.name in REGIONS and (_TASK.fullmatch(source.name) or _is_region(folder)):
            found.append(folder)
        elif _TASK.fullmatch(folder.name):
            found += [f for f in _folders(folder) if f.name in REGIONS]
        else:
            for task in _folders(folder):
                if _TASK.fullmatch(task.name):
                    found += [f for f in _folders(task) if f.name in REGIONS]
    return found


def is_synthrad(source: Path) -> bool:
    """Tell whether a source holds regions; CohortError where only the second task is."""
    if regions_in(source):
        return True
    require_known_task(source)
    return False


def list_synthrad(source: Path) -> Listing:
    """Find the subjects of all regions in a source, sorted by name.

    Raises CohortError if there is none with a CT.
    """
    regions = regions_in(source) or [source]
    subjects: dict[str, SubjectFiles] = {}
    rejected: dict[str, str] = {}
    for region in regions:
        for folder in _folders(region):
            name = folder.name
            if name in PICTURES:
                continue
            if name in subjects:
                other = subjects.pop(name).ct.path.parent
                rejected[name] = f"{name} exists twice, in {other} and {folder}; keep one"
            elif name not in rejected:
                try:
                    subjects[name] = _subject(folder)
                except FileError as error:
                    rejected[name] = str(error)
    listing = Listing("synthrad", [subjects[n] for n in sorted(subjects)], rejected)
    return usable(listing, source, "Task1/REGION/<id>/ with mr, ct and mask")


def require_known_task(source: Path) -> None:
    """Raise CohortError where only the challenge's second task is: it has no MR."""
    second = [f for f in (source, *_folders(source)) if re.fullmatch(r"(?i)task[ _]?2", f.name)]
    if second:
        raise CohortError(
            f"{second[0]} is SynthRAD's second task, cone-beam CT to CT; the first one "
            "(Task1/REGION/<id>/mr, ct, mask) is needed"
        )


def _subject(folder: Path) -> SubjectFiles:
    found = scans_of(folder)
    for needed, of_those in (("mr", ""), ("ct", "; validation and test subjects have none")):
        path = found.get(needed)
        if path is None or not path.is_file():
            raise FileError(f"{folder} has no {needed} (.nii.gz or .mha){of_those}")
    return SubjectFiles(
        folder.name,
        mr={"mr": Scan(found["mr"])},
        ct=Scan(found["ct"]),
        aligned=True,
        mask=found.get("mask"),
    )


def _is_region(folder: Path) -> bool:
    if folder.name in REGIONS and _TASK.fullmatch(folder.absolute().parent.name):
        return True
    return any(_ID.fullmatch(f.name) for f in _folders(folder))


def _folders(folder: Path) -> list[Path]:
    try:
        return [f for f in visible(folder) if f.is_dir()]
    except FileError:
        return []  # not a folder, or not ours to read: nothing of SynthRAD's is in it
