"""A name is a shipped model, a path is a folder, and what there is not is one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrtoct.errors import BundleError
from mrtoct.translation.pretrained import shipped
from mrtoct.translation.pretrained.shipped import bundle_path, find_bundle
from mrtoct.translation.translator import Translator
from shipped_model import CONFIG, write_shipped


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shipped, "FOLDER", write_shipped(tmp_path / "package"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "package"


def test_without_arguments_it_is_the_head_model(folder: Path) -> None:
    assert bundle_path() == find_bundle() == find_bundle("head") == folder / "head"
    for translator in (Translator.load(device="cpu"), Translator.load("head", "cpu")):
        assert translator.bundle.model == CONFIG
        assert translator.bundle.provenance["version"] == "0.9-test"


def test_a_folder_of_that_name_needs_its_dot(folder: Path, tmp_path: Path) -> None:
    write_shipped(tmp_path, spacing=3.0)
    assert Translator.load("head", "cpu").bundle.spacing == (4.0, 4.0, 4.0)
    for path in ("./head", Path("head"), tmp_path / "head", str(tmp_path / "head")):
        assert Translator.load(path, "cpu").bundle.spacing == (3.0, 3.0, 3.0)
    (tmp_path / "head").rename(tmp_path / "mine")
    assert Translator.load("mine", "cpu").bundle.spacing == (3.0, 3.0, 3.0)


@pytest.mark.parametrize(("name", "hint"), [("heads", "; did you mean head?"), ("pelvis", "")])
def test_an_unknown_name(folder: Path, name: str, hint: str) -> None:
    with pytest.raises(BundleError) as caught:
        Translator.load(name)
    assert str(caught.value) == (
        f"mrtoct ships no model '{name}', and there is no such folder; it ships head{hint}"
    )


@pytest.mark.parametrize("path", ["RUN/best", "./head", Path("absent"), "", "."])
def test_a_path_is_told_of_as_a_path(folder: Path, path: str | Path) -> None:
    with pytest.raises(BundleError, match="is not a bundle: it holds no"):
        Translator.load(path)


def test_a_build_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(BundleError, match="this build of mrtoct holds no pretrained weights"):
        Translator.load()
