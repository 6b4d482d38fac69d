"""The module for 3D Slicer with the real mrtoct program, against a stub of Slicer's API."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from mrtoct.phantom import TINY, make_subject
from shipped_model import write_shipped
from slicer_stub import Node, install

SOURCE = Path(__file__).parents[2] / "slicer" / "MRToCT"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(SOURCE))
    yield lambda: importlib.import_module("MRToCT")
    for name in ("MRToCT", "MRToCTLib", "MRToCTLib.program"):
        sys.modules.pop(name, None)


@pytest.fixture
def program(tmp_path):
    """The mrtoct program of these sources, as a file that can be called."""
    path = tmp_path / "mrtoct"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mrtoct "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_the_sct_lies_where_the_mr_lies_and_nothing_is_left_behind(
    module, program, monkeypatch, tmp_path
):
    model = write_shipped(tmp_path / "models") / "head"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    scene = install(monkeypatch, temporary)
    told = []
    logic = module().MRToCTLogic(told.append)
    mr = Node("head 7", make_subject(3, TINY).mr["T1"], transform="vtkMRMLTransformNode1")
    logic.start(program, mr, model=str(model))
    sct, deviation = scene.loaded
    assert sct.name == "head 7 synthetic CT"
    assert sct.volume.grid.matches(mr.volume.grid)
    assert sct.transform == deviation.transform == mr.transform
    assert sct.volume.voxels.min() == -1024
    assert deviation.volume.voxels[sct.volume.voxels > -1000].min() >= 1
    assert scene.layers["background"] is mr and scene.layers["foreground"] is sct
    assert deviation.display.said["SetWindowLevelMinMax"] == (0, 400)
    assert not logic.busy
    assert list(temporary.iterdir()) == []


def test_why_nothing_came_of_it_is_told(module, program, monkeypatch, tmp_path):
    scene = install(monkeypatch, tmp_path)
    told, ended = [], []
    logic = module().MRToCTLogic(told.append, lambda: ended.append(True))
    ct = make_subject(3, TINY).ct
    model = write_shipped(tmp_path / "models") / "head"
    logic.start(program, Node("ct", ct), model=str(model), deviation=False)
    assert told[-1].startswith("ct is not a head MR")
    assert told[-1].endswith("; tick Insist to do it anyway")
    assert scene.loaded == []
    assert ended == [True]


def test_a_program_that_is_not_there_is_not_found(module, monkeypatch, tmp_path):
    install(monkeypatch, tmp_path)
    module()
    from MRToCTLib.program import Job, find_program, sorted_out

    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program() == find_program(str(tmp_path / "mrtoct")) == ""
    (tmp_path / "mrtoct").write_text("not executable")
    assert find_program(str(tmp_path / "mrtoct")) == ""
    job = Job("mrtoct", "x", "RUN/best", force=True)
    assert job.arguments(deviation=False)[-3:] == ["--model", "RUN/best", "--force"]
    said = sorted_out("warning: the face is cut\nnote: fine\nmrtoct: x is not a head MR\n")
    assert said.warnings == ("the face is cut",)
    assert said.error == "x is not a head MR"
    assert job.arguments(deviation=True)[:3] == ["translate", job.mr, job.sct]
