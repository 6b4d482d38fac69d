"""mrtoct evaluate as a user types it: one JSON object, a CSV, tables that fit, one sentence."""

from __future__ import annotations

import csv
import json

import nibabel
import numpy as np
import pytest

from mrtoct.io.files import read_volume, write_volume
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid


@pytest.fixture
def cohort(tmp_path):
    """Two subjects in folders of synthetic CTs by two methods, CTs and masks."""
    for n, name in enumerate(("a", "b")):
        generator = np.random.default_rng(n)
        grid = oblique_grid((10, 9, 9), spacing=(3.0, 4.0, 5.0))
        ct = Volume(generator.integers(-600, 1200, grid.shape).astype(np.int16), grid, "HU")
        mask = np.zeros(grid.shape, dtype=np.uint8)
        mask[2:-2, 1:-1, 1:-1] = 1
        write_volume(tmp_path / "ct" / f"{name}.nii.gz", ct)
        write_volume(tmp_path / "mask" / f"{name}.nii.gz", ct.with_voxels(mask, "label"))
        for method, offset in (("good", 10), ("bad", -30)):
            sct = ct.with_voxels((ct.voxels + offset).astype(np.int16))
            write_volume(tmp_path / method / f"{name}.nii.gz", sct)
    return tmp_path


@pytest.mark.parametrize(("year", "similarity"), [("2023", "ssim"), ("2025", "ms_ssim")])
def test_a_pair_prints_one_object_with_the_metrics_of_a_year(mrtoct, cohort, year, similarity):
    sct, ct, mask = (cohort / kind / "a.nii.gz" for kind in ("good", "ct", "mask"))
    result = mrtoct("evaluate", sct, ct, "--mask", mask, "--synthrad", year, "--json")
    assert (result.status, result.err) == (0, "")
    values = json.loads(result.out)
    assert [key for key in values if key.startswith("synthrad")] == [f"synthrad_{year}"]
    counted = f"{similarity}_counted"
    assert set(values[f"synthrad_{year}"]) == {"mae", "psnr", similarity, counted}
    assert values[f"synthrad_{year}"]["mae"] == pytest.approx(10)
    high = {"2023": 4024, "2025": 4095}[year]
    assert values[f"synthrad_{year}"]["psnr"] == pytest.approx(20 * np.log10(high / 10))
    assert values["mask"]["source"] == "a.nii.gz"
    assert values["definitions"] == "1"
    assert mrtoct("evaluate", sct, ct, "--synthrad", "2024").status == 2


def test_folders_become_tables_that_fit_a_terminal(mrtoct, cohort, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    (cohort / "ct" / "b.nii.gz").rename(cohort / "ct" / "c.nii.gz")
    folders = [cohort / kind for kind in ("good", "ct", "mask", "bad")]
    result = mrtoct(
        *("evaluate", folders[0], folders[1], "--mask", folders[2], "--against", folders[3]),
        *("--synthrad", "2023", "--tiles", "4,3,3@1,0,2", "--workers", 1),
    )
    assert result.status == 0, result.err
    assert f"left out, no synthetic CT in {folders[0]}: c" in result.err
    assert f"left out, no CT in {folders[1]}: b" in result.err
    assert max(map(len, result.out.splitlines())) <= 80
    assert "1 subject; mask: masks in mask; SynthRAD 2023; definitions 1" in result.out
    assert "good minus bad" in result.out
    assert "MS-SSIM" not in result.out
    rows = [line for line in reversed(result.out.splitlines()) if "│" in line]
    lines = {line.split("│")[1].strip(): line for line in rows}  # of the first table with such
    across = [cell.strip() for cell in lines["steps across tile borders"].split("│")[2:5]]
    assert across == ["1.00", "1.00", "0.00"]
    body = [line for line in rows if "MAE, body, HU" in line]
    assert [("−20.0" in line, "10.0" in line) for line in body] == [(True, False), (False, True)]
    assert "10 | 10" in lines["0 to 20"]


def test_what_depends_on_the_faces_is_said(mrtoct, cohort):
    """The mask is 6 x 7 x 7 of 10 x 9 x 9 voxels; 4 x 3 x 3 of it are 3 from each face."""
    sct, ct, mask = (cohort / kind / "a.nii.gz" for kind in ("good", "ct", "mask"))
    result = mrtoct("evaluate", sct, ct, "--mask", mask, "--synthrad", "2023")
    said = " ".join(result.out.split())
    assert "SSIM counts 12% of the mask, the rest is near the volume's faces" in said
    assert "MS-SSIM" not in result.out
    for path in (sct, ct, mask):
        volume = read_volume(path, "label" if path == mask else "HU")
        outside = 0 if path == mask else -1024
        padded = np.pad(volume.voxels, 3, constant_values=outside)
        grid = volume.grid
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_world((-3, -3, -3))
        write_volume(path, Volume(padded, Grid(padded.shape, affine), volume.unit), overwrite=True)
    result = mrtoct("evaluate", sct, ct, "--mask", mask, "--synthrad", "2023")
    assert "SSIM counts" not in result.out


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda hu: hu + 1024, "values run from "),
        (lambda hu: (hu + 1024) / 4095, "values run from 0"),
        (lambda hu: (hu + 1024) / 2048 - 1, "scaled for a network"),
    ],
    ids=["moved", "0 to 1", "-1 to 1"],
)
def test_what_is_not_hu_is_refused_unless_forced(mrtoct, cohort, spoil, reason):
    sct, ct, mask = (cohort / kind / "a.nii.gz" for kind in ("good", "ct", "mask"))
    volume = read_volume(sct, "HU")
    spoilt = spoil(volume.voxels.clip(-1024).astype(np.float32)).astype(np.float32)
    write_volume(sct, volume.with_voxels(spoilt), overwrite=True)
    command = ("evaluate", sct, ct, "--mask", mask)
    sentence = mrtoct(*command).sentence
    assert sentence.startswith(f"{sct}: ")
    assert reason in sentence
    assert sentence.endswith("; pass --force to evaluate it anyway")
    result = mrtoct(*command, "--force", "--json")
    assert result.status == 0
    assert "warning: " in result.err
    values = json.loads(result.out)
    inside = read_volume(mask, "label").voxels > 0
    error = spoilt[inside] - read_volume(ct, "HU").voxels[inside]
    assert values["body"]["me"] == pytest.approx(float(error.mean()), abs=0.5)
    # In a cohort it is one that cannot be judged.
    several = mrtoct("evaluate", cohort / "good", cohort / "ct", "--workers", 1, "--mask",
                     cohort / "mask", "--json")  # fmt: skip
    assert list(json.loads(several.out)["subjects"]) == ["b"]
    assert f"failed and left out: a: {sct}: " in several.err
    assert several.status == 1


def test_the_order_in_which_a_tool_stores_its_axes_changes_nothing(mrtoct, cohort):
    """Nothing is interpolated for it, and --resample is not needed."""
    sct, ct, mask = (cohort / kind / "a.nii.gz" for kind in ("good", "ct", "mask"))
    command = ("evaluate", sct, ct, "--mask", mask, "--json")
    first = json.loads(mrtoct(*command).out)
    for path, order in ((sct, [[0, -1], [1, 1], [2, 1]]), (mask, [[2, 1], [0, -1], [1, -1]])):
        nibabel.save(nibabel.load(path).as_reoriented(np.array(order)), path)
    assert json.loads(mrtoct(*command).out) == first


def test_a_csv_has_a_row_for_each_subject_and_method(mrtoct, cohort):
    out = cohort / "new" / "table.csv"
    arguments = (
        *("evaluate", cohort / "good", cohort / "ct", "--mask", cohort / "mask"),
        *("--csv", out, "--workers", 1, "--json"),
    )
    result = mrtoct(*arguments)
    assert result.status == 0, result.err
    values = json.loads(result.out)
    with out.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(r["subject"], r["method"]) for r in rows] == [
        (name, method) for name in "ab" for method in (str(cohort / "good"), "water")
    ]
    assert [r["body.me [HU]"] for r in rows[::2]] == ["10", "10"]
    assert float(rows[1]["body.mae [HU]"]) == pytest.approx(
        values["subjects"]["a"]["methods"]["water"]["body"]["mae"]
    )
    assert f"{out} exists already" in mrtoct(*arguments).sentence
    assert mrtoct(*arguments, "--overwrite").status == 0


def test_a_pair_may_have_a_rival(mrtoct, cohort):
    good, bad, ct, mask = (cohort / k / "a.nii.gz" for k in ("good", "bad", "ct", "mask"))
    result = mrtoct("evaluate", good, ct, "--mask", mask, "--against", bad, "--json")
    values = json.loads(result.out)
    assert values["methods"] == [str(good), str(bad)]
    assert values["paired"][str(bad)]["body.mae"]["difference"]["mean"] == pytest.approx(-20)


def test_what_the_mr_missed_is_left_out_of_files_and_both_figures_are_told(mrtoct, cohort):
    sct, ct, mask = (cohort / kind / "a.nii.gz" for kind in ("good", "ct", "mask"))
    made = read_volume(sct, "HU")
    measured = np.ones(made.grid.shape, bool)
    measured[:, :, :3] = False  # 2 of the mask's 7 slices
    holed = made.with_voxels(np.where(measured, made.voxels, -1024).astype(np.int16))
    write_volume(sct, holed.measured_where(measured), overwrite=True)
    pair = ("evaluate", sct, ct, "--mask", mask)
    values = json.loads(mrtoct(*pair, "--json").out)
    assert values["body"]["mae"] == pytest.approx(10)
    assert values["left_out"]["part"] == pytest.approx(2 / 7)
    with_it = values["left_out"]["mae"]
    told = f"the MAE would be {with_it:.1f} HU, not 10.0"
    assert with_it > 300
    assert (
        f"28.6 % of the mask was not measured and is left out; with it {told}" in mrtoct(*pair).out
    )
    folders = ("evaluate", cohort / "good", cohort / "ct", "--mask", cohort / "mask")
    told = f"the MAE would be {(with_it + 10) / 2:.1f} HU, not 10.0"
    said = mrtoct(*folders, "--workers", 1).out
    assert (
        f"up to 28.6 % of the masks of 1 of 2 was not measured and is left out; with it {told}"
        in said
    )
    sct.with_name("a_measured.nii.gz").unlink()
    assert json.loads(mrtoct(*pair, "--json").out)["body"]["mae"] == pytest.approx(with_it)


def test_a_bundle_is_judged_on_whom_it_did_not_see(mrtoct, made, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    split = json.loads((made.run / "run.json").read_text())["split"]
    result = mrtoct("evaluate", made.best, made.store, "--workers", 1, "--json")
    assert result.status == 0, result.err
    values = json.loads(result.out)
    assert list(values["subjects"]) == split["test"]
    assert [s["role"] for s in values["subjects"].values()] == ["test"]
    assert values["methods"] == ["small", "intensity map", "water"]
    left = ", ".join(sorted(split["train"] + split["validation"]))
    assert f"used for training or validation: {left}" in result.err
    hint = mrtoct("evaluate", made.run, made.store).sentence
    assert f"did you mean {made.best}?" in hint


@pytest.mark.parametrize("tiles", ["x", "3,4", "0", "4@1", "4@1,2,x"])
def test_tiles_that_cannot_be_read_are_named(mrtoct, cohort, tiles):
    sct, ct = cohort / "good" / "a.nii.gz", cohort / "ct" / "a.nii.gz"
    sentence = mrtoct("evaluate", sct, ct, "--tiles", tiles).sentence
    assert (tiles in sentence and "--tiles" in sentence) or "at least 1 voxel" in sentence
