import re
import signal
import subprocess
import sys
import urllib.request
import webbrowser

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from dicom_series import write_series
from mrtoct.cli.app import app
from mrtoct.io.files import write_volume
from mrtoct.report.serve import scene_server
from mrtoct.volume import Grid, Volume


@pytest.fixture
def head(tmp_path):
    generator = np.random.default_rng(2)
    voxels = generator.integers(-1024, 2000, (9, 8, 7)).astype(np.int16)
    path = tmp_path / "ct.nii.gz"
    nib.save(nib.Nifti1Image(voxels, np.diag([2.0, 2, 3, 1])), path)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["view", *map(str, arguments)], standalone_mode=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_it_serves_until_it_is_interrupted(head):
    command = [sys.executable, "-c", "from mrtoct.cli.app import main; main()"]
    process = subprocess.Popen(
        [*command, "view", str(head), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", address)
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"ct.nii.gz" in answer.read()
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out == ""
    assert error.splitlines() == ["Press Ctrl-C to stop."]


def test_the_browser_is_given_the_address(head, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)))
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", _interrupted)
    result = run(head)
    assert result.exception is None
    assert opened == [result.stdout.strip()]
    assert "open the address" in result.stderr


def _interrupted(server, poll_interval):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.nii.gz"], "absent.nii.gz does not exist"),
        (["{head}", "--mask", "{head}"], "a mask holds integers from 0 to 65000, got"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(head, arguments, message, tmp_path):
    result = run(*(a.format(head=head) for a in arguments), "--no-browser")
    assert isinstance(result.exception, SystemExit)
    assert str(result.exception).startswith("mrtoct: ")
    assert message in str(result.exception)


def shown(monkeypatch, *arguments):
    """What a run would serve, and what it says beside the address."""
    scenes = []

    def serve(coded, *, port):
        scenes.append(coded.scene)
        return scene_server(coded, port=port)

    monkeypatch.setattr("mrtoct.cli.view.scene_server", serve)
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", _interrupted)
    result = run(*arguments, "--no-browser")
    assert result.exception is None, result.exception
    return scenes[0], result.stderr


def saved(path, voxels, unit="a.u.", description=""):
    volume = Volume(np.asarray(voxels), Grid(np.shape(voxels), np.diag([2.0, 2, 3, 1])), unit)
    write_volume(path, volume, description=description)
    return path


def test_files_say_what_they_hold_and_are_told_apart(tmp_path, monkeypatch):
    generator = np.random.default_rng(3)
    hu = generator.integers(-1024, 2000, (9, 8, 7)).astype(np.int16)
    sct, ct = saved(tmp_path / "a/ct.nii.gz", hu, "HU"), saved(tmp_path / "b/ct.nii.gz", hu, "HU")
    spread = generator.uniform(0, 150, hu.shape).astype(np.float32)
    told = saved(tmp_path / "x.nii.gz", spread, "HU", "SD of synthetic CT [HU]")
    named = saved(tmp_path / "case_sd.mha", spread)
    plain = saved(tmp_path / "y.mha", spread)
    density = np.float32(1000 + spread)
    header = saved(tmp_path / "rho.nii.gz", density, "kg/m3", "mass density [kg/m3], some curve")
    beside = saved(tmp_path / "c.mha", density / 1000)
    (tmp_path / "c.json").write_text('{"unit": "1"}')
    scene, _ = shown(monkeypatch, sct, told, named, plain, header, beside, "--against", ct,
                     "--deviation", plain)  # fmt: skip
    found = [(layer.title, layer.unit, layer.measure, layer.window) for layer in scene.layers]
    # y.mha is named twice: once as a file, once as a deviation.
    assert found == [
        ("a/ct.nii.gz", "HU", "HU", found[0][3]),
        ("x.nii.gz", "deviation", "HU", (0.0, 200.0)),
        ("case_sd.mha", "deviation", "HU", (0.0, 200.0)),
        ("y.mha (1)", "deviation", "HU", (0.0, 200.0)),
        ("rho.nii.gz", "map", "kg/m³", (800.0, 2000.0)),
        ("c.mha", "map", "relative to water", (0.8, 1.8)),
        ("y.mha (2)", "deviation", "HU", (0.0, 200.0)),
        ("b/ct.nii.gz", "HU", "HU", found[7][3]),
        ("a/ct.nii.gz − b/ct.nii.gz", "difference", "HU", (-400.0, 400.0)),
    ]
    difference = scene.layers[-1]
    one, other = (next(n for n in scene.layers if n.key == key) for key in difference.minus)
    assert (one.low, one.step, one.levels) == (other.low, other.step, other.levels)
    assert scene.overlay == -1


def test_a_mask_is_seen_at_once(head, tmp_path, monkeypatch):
    mask = saved(tmp_path / "m.nii.gz", np.ones((9, 8, 7), np.uint8), "label")
    scene, _ = shown(monkeypatch, head, "--mask", mask)
    assert scene.overlays[scene.overlay].over == "layer1"


def test_the_series_of_a_study_are_named_and_chosen(tmp_path, monkeypatch):
    firsts = np.array([[0.0, 0, 3 * k] for k in range(6)])
    flat, generator = [1, 0, 0, 0, 1, 0], np.random.default_rng(4)
    for number, modality in ((1, "MR"), (2, "CT")):
        stored = generator.integers(1000, 1200, (6, 9, 8)).astype(np.uint16)
        write_series(tmp_path / "study", stored, flat, firsts, modality=modality,
                     SeriesNumber=number, SeriesDescription=f"a {modality}")  # fmt: skip
    study = tmp_path / "study"
    scene, said = shown(monkeypatch, study)
    assert [layer.unit for layer in scene.layers] == ["HU"]
    assert "holds 2 series" in said and "1 MR 'a MR'" in said and "--series" in said
    scene, said = shown(monkeypatch, study, "--series", "1,2")
    assert [(n.title, n.unit) for n in scene.layers] == [
        ("study, series 1", "a.u."),
        ("study, series 2", "HU"),
    ]
    assert "holds" not in said
    stored = generator.integers(1000, 1200, (6, 9, 8)).astype(np.uint16)
    write_series(study, stored, flat, firsts, modality="CT", SeriesNumber=3)
    refused = str(run(study, "--no-browser").exception)
    assert "2 CT series are available, choose one" in refused and "--series" in refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{head}", "--series", "2"], "--series needs a DICOM folder"),
        (["{mr}", "--against", "{head}"], "none of the other files is a CT in HU"),
        (["{head}", "--against", "{mr}"], "--against needs a CT in HU"),
        (["{head}", "--deviation", "{head}"], "a standard deviation is 0 or more"),
    ],
)
def test_what_does_not_go_together_is_refused(head, tmp_path, arguments, message):
    voxels = np.random.default_rng(5).integers(0, 900, (9, 8, 7)).astype(np.int16)
    mr = saved(tmp_path / "mr.nii.gz", voxels)
    result = run(*(a.format(head=head, mr=mr) for a in arguments), "--no-browser")
    assert message in str(result.exception)
