"""translate and demo with the model that comes with the package; one of random weights here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mrtoct.cli import demo as demo_module
from mrtoct.io.files import read_volume, write_volume
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.phantom import TINY, make_subject
from mrtoct.translation.bundle import Bundle, write_bundle
from mrtoct.translation.geometry import Slices
from mrtoct.translation.pretrained import shipped
from mrtoct.translation.translator import Translator
from shipped_model import PROVENANCE, write_shipped


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shipped(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def mr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scans") / "scan.nii.gz"
    write_volume(path, make_subject(3, TINY).mr["T1"])
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training leaves, without a deviation."""
    told = {"mrtoct": "7.7", "recipe": {"name": "small"}, "subjects": {"train": 12}}
    config = UNetConfig(width=4, depth=3)
    bundle = Bundle(config, ("T1",), (6.0, 6.0, 6.0), Slices((32, 48)), provenance=told)
    folder = tmp_path_factory.mktemp("run") / "best"
    write_bundle(folder, bundle, UNet(config).state_dict())
    return folder


@pytest.fixture(autouse=True)
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shipped, "FOLDER", package)
    monkeypatch.setattr(demo_module, "head_settings", lambda: TINY)
    yield


def test_translate_takes_it_where_no_other_is_named(
    mrtoct: Any, mr: Path, own: Path, package: Path, tmp_path: Path
) -> None:
    volumes = []
    for model in ([], ["--model", "head"], ["--model", package / "head"]):
        sct = tmp_path / "sct.nii.gz"
        result = mrtoct("translate", mr, sct, *model, "--overwrite")
        assert (result.status, result.out) == (0, ""), result.err
        volumes.append(read_volume(sct, "HU").voxels)
    expected = Translator.load(package / "head", "cpu").translate(read_volume(mr, "a.u."))
    for found in volumes:
        np.testing.assert_array_equal(found, expected.voxels)
    assert np.ptp(expected.voxels) > 1000
    mrtoct("translate", mr, sct, "--model", own, "--overwrite")
    assert (read_volume(sct, "HU").voxels != expected.voxels).any()


def test_a_page_names_model_version_use_and_what_the_guard_found(
    mrtoct: Any, mr: Path, tmp_path: Path
) -> None:
    scan = read_volume(mr, "a.u.")
    odd = tmp_path / "odd.nii.gz"
    write_volume(odd, scan.with_voxels(np.minimum(scan.voxels, np.percentile(scan.voxels, 60))))
    page, sct = tmp_path / "new" / "page.html", tmp_path / "sct.nii.gz"
    result = mrtoct("translate", odd, sct, "--page", page)
    assert result.status == 0, result.err
    html = page.read_text(encoding="utf-8")
    assert "<h1>odd.nii.gz</h1>" in html
    for text in (PROVENANCE["version"], PROVENANCE["trained_on"], PROVENANCE["intended_use"]):
        assert text in html
    warnings = re.findall(r"^warning: (.*)$", result.err, re.MULTILINE)
    assert warnings
    listed = re.search(r'class="verdict (?:caution|bad)".*?<ul>(.*?)</ul>', html, re.DOTALL)
    assert listed is not None
    assert listed[1].count("<li>") == len(warnings)
    assert {"voxels-0-mr", "voxels-0-sct", "voxels-0-deviation"} <= set(
        re.findall(r'id="([\w-]+)"', html)
    )
    refused = mrtoct("translate", odd, tmp_path / "other.nii", "--page", page)
    assert "page.html exists already" in refused.sentence
    assert not (tmp_path / "other.nii").exists()


def test_a_page_of_ones_own_model(mrtoct: Any, mr: Path, own: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = mrtoct("translate", mr, tmp_path / "sct.nii", "--model", own, "--page", page)
    assert result.status == 0, result.err
    html = page.read_text(encoding="utf-8")
    assert f"<dd>{own}</dd>" in html
    assert "12 subjects, recipe small" in html
    assert "by those who trained it" in html
    assert "voxels-0-deviation" not in html


def test_demo_translates_a_head_that_it_makes(
    mrtoct: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = mrtoct("demo")
    assert (result.status, result.out) == (0, ""), result.err
    out = tmp_path / "mrtoct-demo"
    assert sorted(p.name for p in out.iterdir()) == [
        "deviation.nii.gz", "mr.nii.gz", "page.html", "sct.nii.gz",
    ]  # fmt: skip
    scan, sct, deviation = (
        read_volume(out / f"{name}.nii.gz", unit)
        for name, unit in (("mr", "a.u."), ("sct", "HU"), ("deviation", "HU"))
    )
    assert sct.grid.matches(scan.grid)
    assert deviation.grid.matches(scan.grid)
    expected = Translator.load(device="cpu").translate(scan)
    np.testing.assert_array_equal(sct.voxels, expected.voxels)
    assert ((deviation.voxels > 0) == (sct.voxels > -1024)).mean() > 0.99
    said = " ".join(result.err.split())
    assert "a phantom" in said
    assert "not for diagnosis" in said
    assert str(Path("mrtoct-demo/page.html")) in said
    assert "exists already" in mrtoct("demo").sentence
    assert mrtoct("demo", "--overwrite").status == 0


def test_demo_translates_the_mr_it_is_given(mrtoct: Any, mr: Path, tmp_path: Path) -> None:
    result = mrtoct("demo", mr, "--out", tmp_path / "new")
    assert result.status == 0, result.err
    given, kept = read_volume(mr, "a.u."), read_volume(tmp_path / "new" / "mr.nii.gz", "a.u.")
    np.testing.assert_array_equal(kept.voxels, given.voxels)
    assert kept.grid.matches(given.grid)
    html = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert f"<h1>{mr.name}</h1>" in html
    assert "a phantom" not in result.err


def test_a_build_without_weights_says_so_before_any_work(
    mrtoct: Any, mr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "nothing")
    for arguments in (("translate", mr, tmp_path / "sct.nii"), ("demo", "--out", tmp_path)):
        sentence = mrtoct(*arguments).sentence
        assert "this build of mrtoct holds no pretrained weights" in sentence
    assert list(tmp_path.iterdir()) == []
