"""A case as grand-challenge.org lays it out, by the script that the image runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import FileError
from mrtoct.io.files import read_volume, write_volume
from mrtoct.phantom import TINY, make_subject
from shipped_model import write_shipped

SCRIPT = Path(__file__).parents[2] / "containers" / "grand-challenge" / "process.py"


@pytest.fixture(scope="module")
def process():
    spec = importlib.util.spec_from_file_location("process", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def case(tmp_path):
    mr = make_subject(3, TINY).mr["T1"]
    write_volume(tmp_path / "input/images/mri/1234.mha", mr)
    return tmp_path / "input", mr


def test_the_sct_has_the_cases_name_and_is_air_outside_the_body(process, case, tmp_path):
    source, mr = case
    body = np.zeros(mr.grid.shape, dtype=np.uint8)
    body[4:-4, 5:-5] = 1
    write_volume(source / "images/body/mask.mha", mr.with_voxels(body, "label"))
    (source / "region.json").write_text('"Brain"')
    model = write_shipped(tmp_path / "models") / "head"
    out = process.translate_case(source, tmp_path / "output", model)
    assert out == tmp_path / "output/images/synthetic-ct/1234.mha"
    sct = read_volume(out, "HU")
    assert sct.grid.matches(mr.grid)
    assert (sct.voxels[body == 0] == -1024).all()
    assert (sct.voxels[body == 1] > -1024).any()


def test_what_is_no_case_is_refused(process, case, tmp_path):
    source, mr = case
    (source / "region.json").write_text('"AB"')
    with pytest.raises(FileError, match="names the region 'AB'"):
        process.translate_case(source, tmp_path / "output", "head")
    (source / "region.json").unlink()
    write_volume(source / "images/mri/5678.mha", mr)
    with pytest.raises(FileError, match=r"must hold one \.mha file, and holds 2"):
        process.translate_case(source, tmp_path / "output", "head")
