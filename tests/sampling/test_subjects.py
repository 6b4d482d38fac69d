"""Subjects as a network sees them: what a store cannot give is said with the subject's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import CohortError
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import read_subject, write_subject
from mrtoct.sampling.subjects import load_subject


def test_a_head_without_a_skull_has_no_brain_to_weigh(tiny_store: Path, tmp_path: Path) -> None:
    subject = read_subject(tiny_store, "head1")
    boneless = subject.ct.with_voxels(np.minimum(subject.ct.voxels, 100))
    write_subject(tmp_path, replace(subject, ct=boneless))
    spacing = subject.ct.spacing
    with pytest.raises(CohortError, match=r"head1: no space enclosed by bone .* focus\.brain"):
        load_subject(
            tmp_path,
            "head1",
            channels=tuple(subject.channels),
            spacing=spacing,
            scaling=MrScaling(),
            brain_sigma=2.0,
        )
