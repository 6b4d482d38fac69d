"""mrtoct translate of a folder of heads: what fails is named, the rest is done, and run again."""

from __future__ import annotations

import json
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_series import plane_directions, write_series
from mrtoct.cli import one_head
from mrtoct.io.dicom import find_series, read_series
from mrtoct.io.files import read_volume, write_volume
from mrtoct.judging.folders import find
from mrtoct.phantom import TINY, make_subject
from mrtoct.resample import resample
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume
from shipped_model import write_shipped

BIDS_NAME = re.compile(
    r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?(_acq-[A-Za-z0-9]+)?(_run-\d+)?_desc-[A-Za-z0-9]+_"
    r"(ct|deviation)\.(nii\.gz|json)"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shipped(tmp_path_factory.mktemp("package"), spacing=6.0) / "head"


@pytest.fixture(scope="module")
def subject() -> Any:
    return make_subject(3, TINY)


@pytest.fixture(scope="module")
def mr(subject: Any) -> Volume:
    return subject.mr["T1"]


@pytest.fixture(scope="module")
def expected(model: Path, mr: Volume) -> np.ndarray:
    return Translator.load(model, "cpu").translate(mr).voxels


def lines(table: str) -> dict[str, str]:
    """The table's rows by head, however they are wrapped."""
    rows: dict[str, str] = {}
    for line in table.splitlines():
        if line.startswith("│"):
            name, *cells = (cell.strip() for cell in line.strip("│").split("│"))
            last = name or list(rows)[-1]
            rows[last] = " ".join([rows.get(last, ""), *filter(None, cells)]).strip()
    return rows


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_rest_is_done(
    mrtoct: Any, model: Path, subject: Any, mr: Volume, expected: np.ndarray, tmp_path: Path
) -> None:
    heads, out, pages = tmp_path / "heads", tmp_path / "out", tmp_path / "pages"
    write_volume(heads / "good.mha", mr)
    write_volume(heads / "isct.nii.gz", subject.ct)
    write_volume(tmp_path / "whole.nii", mr)
    (heads / "damaged.nii").write_bytes((tmp_path / "whole.nii").read_bytes()[:5000])
    (heads / "empty.nii.gz").touch()
    command = ("translate", heads, out, "--model", model, "--page", pages, "--uncertainty", out)
    result = mrtoct(*command)
    assert result.status == 1
    rows = lines(result.out)
    assert list(rows) == ["damaged", "empty", "good", "isct"]
    assert rows["good"].startswith("doubtful no-head -1024 to ")  # what a random network makes
    assert all(rows[name].startswith("failed ") for name in ("damaged", "empty", "isct"))
    assert "not a head MR (looks-like-ct" in rows["isct"]
    assert result.out.rstrip().endswith("3 failed, 1 translated")
    assert "isct: warning: MR: holds HU" in result.err
    assert files(out) == ["good_deviation.mha", "good_sct.mha"]
    assert files(pages) == ["good.html"]
    np.testing.assert_array_equal(read_volume(out / "good_sct.mha", "HU").voxels, expected)
    assert "<h1>good</h1>" in (pages / "good.html").read_text(encoding="utf-8")
    assert find(out, "sct") == {"good": out / "good_sct.mha"}  # as evaluate looks for them

    # Mended, the run goes on: what is there is left.
    for name in ("isct.nii.gz", "empty.nii.gz", "damaged.nii"):
        (heads / name).unlink()
    before = (out / "good_sct.mha").stat().st_mtime_ns
    again = mrtoct(*command)
    assert again.status == 0
    assert lines(again.out)["good"].startswith("there exists, kept")
    assert (out / "good_sct.mha").stat().st_mtime_ns == before
    # Another result than before is wanted: that is said, not guessed.
    other = mrtoct("translate", heads, out, "--model", model, "--page", tmp_path / "new")
    assert other.status == 1
    assert "new/good.html does not; pass --overwrite" in lines(other.out)["good"].replace(
        " / ", "/"
    )
    assert mrtoct(*command, "--overwrite").status == 0
    assert (out / "good_sct.mha").stat().st_mtime_ns > before


def test_json_of_one_head_and_of_several(
    mrtoct: Any, model: Path, mr: Volume, expected: np.ndarray, tmp_path: Path
) -> None:
    folder, file = tmp_path / "mrs", tmp_path / "sct.nii.gz"
    write_volume(folder / "a.nii.gz", mr)
    write_volume(folder / "flat.nii.gz", mr.with_voxels(np.ones_like(mr.voxels)))
    one = mrtoct("translate", folder / "a.nii.gz", file, "--model", model, "--json")
    assert one.status == 0, one.err
    (head,) = json.loads(one.out)["heads"]
    assert head["files"] == {"sct": str(file)}
    assert head["hu"] == [int(expected.min()), int(expected.max())]
    assert head["verdict"] in ("ok", "doubtful") and head["seconds"] > 0

    many = mrtoct("translate", folder, tmp_path / "scts", "--model", model, "--json")
    assert many.status == 1, many.err
    good, bad = json.loads(many.out)["heads"]
    assert (good["name"], good["hu"], good["findings"]) == ("a", head["hu"], head["findings"])
    assert (bad["name"], bad["verdict"], bad["files"]) == ("flat", "failed", {})
    assert "flat.nii.gz" in bad["reason"]


def test_an_interrupted_run_leaves_whole_heads_and_goes_on(
    mrtoct: Any, model: Path, mr: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_volume(tmp_path / "heads" / f"{name}.nii.gz", mr)
    out = tmp_path / "out"
    command = ("translate", tmp_path / "heads", out, "--model", model, "--page", out)
    page = one_head.write_page

    def interrupted(path: Path, *args: Any, **options: Any) -> None:
        if path.name == "b.html":
            raise KeyboardInterrupt
        page(path, *args, **options)

    monkeypatch.setattr(one_head, "write_page", interrupted)
    stopped = mrtoct(*command)
    assert stopped.status == 130
    assert files(out) == ["a.html", "a_sct.nii.gz"]
    monkeypatch.undo()
    result = mrtoct(*command)
    assert result.status == 0
    assert {name: said.split()[0] for name, said in lines(result.out).items()} == {
        "a": "there",
        "b": "doubtful",  # what a random network makes is no head
    }
    assert files(out) == ["a.html", "a_sct.nii.gz", "b.html", "b_sct.nii.gz"]


def bids(root: Path, mr: Volume) -> Path:
    for path in (
        "sub-01/anat/sub-01_run-2_T1w.nii.gz",
        "sub-01/anat/sub-01_acq-3d_T2w.nii.gz",
        "sub-02/ses-x/anat/sub-02_ses-x_T2w.nii.gz",
    ):
        write_volume(root / path, mr)
    (root / "sub-03" / "func").mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "Raw", "BIDSVersion": "1.9.0"}')
    return root


def test_bids_in_and_derivatives_out(
    mrtoct: Any, model: Path, mr: Volume, expected: np.ndarray, tmp_path: Path
) -> None:
    raw = bids(tmp_path / "raw", mr)
    out = raw / "derivatives" / "mrtoct"
    command = ("translate", raw, out, "--model", model, "--uncertainty", out, "--page", out)
    result = mrtoct(*command)
    assert result.status == 0, result.err
    assert "sub-01: sub-01/anat/sub-01_run-2_T1w.nii.gz (there are T1w, T2w)" in result.err
    assert "skipped, no MR to translate: sub-03" in result.err
    stems = ["sub-01/anat/sub-01_run-2", "sub-02/ses-x/anat/sub-02_ses-x"]
    volumes = [f"{s}_desc-sct_{kind}.nii.gz" for s in stems for kind in ("ct", "deviation")]
    sidecars = [name.replace(".nii.gz", ".json") for name in volumes]
    top = [".bidsignore", "dataset_description.json", "sub-01.html", "sub-02_ses-x.html"]
    assert files(out) == sorted([*top, *volumes, *sidecars])

    description = json.loads((out / "dataset_description.json").read_text())
    assert {"Name", "BIDSVersion", "GeneratedBy", "SourceDatasets"} <= set(description)
    assert description["DatasetType"] == "derivative"
    ignored = (out / ".bidsignore").read_text().split()
    for name in files(out)[2:]:
        assert any(fnmatch(Path(name).name, pattern) for pattern in ignored), name
    for name in volumes:
        assert BIDS_NAME.fullmatch(Path(name).name)
        said = json.loads((out / name.replace(".nii.gz", ".json")).read_text())
        assert said["Units"] == "HU"
        assert said["Model"] == {"Name": "head", "Version": "0.9-test"}
        scheme, data_set, path = said["SpatialReference"].split(":")
        source = out / description["DatasetLinks"][data_set] / path
        assert (scheme, source.is_file(), said["Sources"]) == (
            "bids",
            True,
            [said["SpatialReference"]],
        )
    for name in volumes[::2]:
        # A NIfTI header's affine has fewer digits than the volume's.
        np.testing.assert_allclose(read_volume(out / name, "HU").voxels, expected, atol=1)
    assert list(find(out, "sct")) == ["sub-01", "sub-02_ses-x"]

    # What is there is left; of another MR, or by another model, it is not taken for it.
    assert set(lines(mrtoct(*command).out).values()) == {
        "there exists, kept; --overwrite replaces it"
    }
    shutil.move(
        raw / "sub-02/ses-x/anat/sub-02_ses-x_T2w.nii.gz",
        raw / "sub-02/ses-x/anat/sub-02_ses-x_FLAIR.nii.gz",
    )
    changed = mrtoct(*command, "--contrast", "FLAIR")
    assert changed.status == 1
    assert "belongs to another MR" in " ".join(lines(changed.out)["sub-02_ses-x"].split())
    assert "there is no MR FLAIR, only T1w, T2w" in lines(changed.out)["sub-01"]


@pytest.fixture(scope="module")
def studies(mr: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of a phantom in DICOM, and a subject's folder with volumes."""
    root = tmp_path_factory.mktemp("studies")
    grid = mr.grid.upright((6.0, 6.0, 6.0))
    voxels = resample(mr, grid, fill=0.0).voxels.clip(0)
    stored = np.rint(voxels / voxels.max() * 2000).astype(np.uint16)[::-1, ::-1].transpose(2, 1, 0)
    first = grid.to_world((0, 0, 0)) * (-1, -1, 1)
    corner = first - [6.0 * (grid.shape[0] - 1), 6.0 * (grid.shape[1] - 1), 0]
    firsts = corner + np.outer(6.0 * np.arange(grid.shape[2]), [0, 0, 1])
    for name in ("p1", "p2"):
        write_series(root / name / "t1", stored, plane_directions(), firsts, spacing=(6.0, 6.0),
                     SliceThickness=6, StudyInstanceUID=f"1.2.{name[1]}")  # fmt: skip
    return root


def test_studies_become_series(mrtoct: Any, model: Path, studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("translate", "--model", model, "--format", "dicom")
    result = mrtoct(*command, studies, out)
    assert result.status == 0, result.err
    assert set(find(out, "sct")) == {"p1", "p2"}
    first = read_series(find_series(out / "p1" / "sct", "HU"), "HU")
    # One study alone is what it was: its series is the folder that is named.
    alone = tmp_path / "alone"
    assert mrtoct(*command, studies / "p1", alone).status == 0
    np.testing.assert_array_equal(read_series(find_series(alone, "HU"), "HU").voxels, first.voxels)


def test_what_is_not_clear_is_asked(
    mrtoct: Any, model: Path, studies: Path, mr: Volume, tmp_path: Path
) -> None:
    heads, file = tmp_path / "heads", tmp_path / "file.txt"
    write_volume(heads / "a.nii.gz", mr)
    file.touch()
    start = ("translate", "--model", model)
    for arguments, sentence in (
        ((heads, tmp_path / "sct.nii.gz"), "is a single file; for a folder of heads name a folder"),
        ((studies / "p1", tmp_path / "out"), "are of one study: give an output file"),
        ((studies, tmp_path / "x.nii"), "2 MR series are available"),
        ((heads, heads), "is the folder of the heads; name another folder"),
        ((heads, file), "file.txt is a file; a folder is needed for the heads in"),
        (
            (heads, tmp_path / "out", "--page", file),
            "file.txt is a file; a folder is needed for the heads in",
        ),
        ((heads, tmp_path / "out", "--with", "T2=x.nii"), "--with is for a single head"),
        ((heads / "a.nii.gz", tmp_path / "x.nii", "--contrast", "T1"), "for one head, name the MR"),
    ):
        assert sentence in mrtoct(*start, *arguments).sentence
    assert files(tmp_path) == ["file.txt", "heads/a.nii.gz"]
