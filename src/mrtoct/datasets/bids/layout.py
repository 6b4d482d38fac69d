"""BIDS data sets as cohorts: each session with an MR and a CT is a subject."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from mrtoct.datasets.bids.names import CONTRASTS, Session, require_there, sessions_in
from mrtoct.datasets.subject_files import Listing, SubjectFiles, name_fault, usable
from mrtoct.errors import FileError
from mrtoct.io.scan import Scan


def list_bids(source: Path) -> Listing:
    """Find the subjects of a BIDS data set, sorted by name; CohortError if there is none.

    Channels are suffixes such as T1w. A person whose MR are all in one session and whose CT is in
    another is one subject, since scanners of two kinds mean two visits.
    """
    subjects: list[SubjectFiles] = []
    rejected: dict[str, str] = {}
    for person, visits in groupby(sessions_in(source), key=lambda session: session.person):
        for name, mr, ct in _pairs(person, list(visits)):
            try:
                subjects.append(_subject(name, mr, ct))
            except FileError as error:
                rejected[name] = str(error)
    return usable(
        Listing("bids", subjects, rejected),
        source,
        "sub-*/[ses-*/]anat/*_T1w.nii.gz with a *_ct.nii.gz in anat/ or ct/",
    )


def _pairs(person: str, sessions: list[Session]) -> list[tuple[str, Session, Session]]:
    """Return what may be subjects: a name, the session with the MR, that with the CT."""
    mr = [session for session in sessions if session.mr]
    ct = [session for session in sessions if session.ct]
    if len(mr) == len(ct) == 1:
        return [(mr[0].name if mr == ct else person, mr[0], ct[0])]
    either = [session for session in sessions if session.mr or session.ct] or sessions[:1]
    return [(session.name, session, session) for session in either]


def _subject(name: str, mr: Session, ct: Session) -> SubjectFiles:
    if fault := name_fault(name):
        raise FileError(f"{mr.folder}: {fault}")
    channels, cts = mr.mr, ct.ct
    if not channels:
        raise FileError(f"{mr.folder} has no MR in anat/ ({', '.join(CONTRASTS)})")
    if not cts:
        raise FileError(f"{ct.folder} has no CT (*_ct.nii.gz in anat/ or ct/)")
    return SubjectFiles(
        name,
        mr={contrast: Scan(require_there(files[0]).path) for contrast, files in channels.items()},
        ct=Scan(require_there(cts[0]).path),
    )
