"""Models from folders, archives and a server: whole, of the right sum, or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from loopback import Fault, Loopback, serving
from mrtoct.errors import BundleError, FileError, MrtoctError
from mrtoct.translation.pretrained import shipped
from mrtoct.translation.pretrained.address import parse_address
from mrtoct.translation.pretrained.catalogue import choose_offer, read_catalogue
from mrtoct.translation.pretrained.fetch import fetch_model
from mrtoct.translation.pretrained.place import models_folder, origin_of
from mrtoct.translation.pretrained.shipped import find_bundle, known_names
from mrtoct.translation.translator import Translator
from rire_archives import tar_gz
from shipped_model import CONFIG, write_shipped

HUB = "https://huggingface.co/lab/pelvis"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MRTOCT_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shipped(tmp_path_factory.mktemp("made")) / "head"


@pytest.fixture(scope="module")
def archive(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "pelvis-2.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(bundle, "best")
    return path


@pytest.fixture
def server(bundle: Path, archive: Path) -> Iterator[Loopback]:
    with serving() as place:
        place.files["pelvis-2.tar.gz"] = archive.read_bytes()
        for file in bundle.iterdir():
            place.files[f"lab/pelvis/{file.name}"] = file.read_bytes()
        yield place


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def held(models: Path) -> list[str]:
    return sorted(p.name for p in models.iterdir()) if models.exists() else []


def test_an_archive_from_a_server_is_then_known_by_its_name(
    models: Path, server: Loopback, archive: Path
) -> None:
    address = server.base + "pelvis-2.tar.gz"
    assert fetch_model(address, sha256=sha256(archive).upper()) == models / "pelvis-2"
    assert held(models) == ["pelvis-2"]
    assert known_names() == ["head", "pelvis-2"]
    assert find_bundle("pelvis-2") == models / "pelvis-2"
    assert find_bundle("./pelvis-2") == Path("pelvis-2")
    assert Translator.load("pelvis-2", "cpu").bundle.model == CONFIG
    origin = origin_of(models / "pelvis-2")
    assert origin and (origin.address, origin.sha256) == (address, sha256(archive))


def test_files_in_a_folder_of_a_server(models: Path, server: Loopback, bundle: Path) -> None:
    wanted = sha256(bundle / "SHA256SUMS")
    fetch_model(server.base + "lab/pelvis/", sha256=wanted, name="mine")
    assert held(models) == ["mine"]
    for file in bundle.iterdir():
        assert (models / "mine" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("form", ["path", "uri", "archive"])
def test_from_a_disk(form: str, models: Path, bundle: Path, archive: Path) -> None:
    given = {"path": str(bundle), "uri": bundle.as_uri(), "archive": str(archive)}[form]
    target = fetch_model(given, name="mine")
    assert Translator.load("mine", "cpu").bundle.model == CONFIG
    origin = origin_of(target)
    assert origin and origin.address == (archive if form == "archive" else bundle).as_uri()


@pytest.mark.parametrize("what", ["pelvis-2.tar.gz", "lab/pelvis"])
def test_another_sum_is_refused(what: str, models: Path, server: Loopback) -> None:
    with pytest.raises(FileError, match=r"is not the expected one: its SHA-256 is [0-9a-f]{64}"):
        fetch_model(server.base + what, sha256="0" * 64)
    assert held(models) == []


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors"])
def test_a_flipped_bit_is_noticed(name: str, models: Path, server: Loopback) -> None:
    content = bytearray(server.files[f"lab/pelvis/{name}"])
    content[-1 if name[0] == "w" else content.index(b"0.9-test")] ^= 1
    server.files[f"lab/pelvis/{name}"] = bytes(content)
    with pytest.raises(BundleError, match=r"damaged|has changed since it was written") as caught:
        fetch_model(server.base + "lab/pelvis")
    assert f"{server.base}lab/pelvis" in str(caught.value)
    assert held(models) == []


def test_a_lost_guard_is_noticed(models: Path, server: Loopback) -> None:
    server.files["lab/pelvis/SHA256SUMS"] += b"0" * 64 + b"  seen.json\n"
    with pytest.raises(BundleError, match=r"lacks seen\.json, which its SHA256SUMS lists"):
        fetch_model(server.base + "lab/pelvis")
    assert held(models) == []


def test_what_is_no_bundle(models: Path, server: Loopback, tmp_path: Path) -> None:
    server.files["a.tar.gz"] = tar_gz({"notes.txt": b"nothing"}, "a")
    with pytest.raises(BundleError, match=r"a\.tar\.gz is not a bundle: it holds no bundle\.json"):
        fetch_model(server.base + "a.tar.gz")
    server.files["b.tar.gz"] = b"nothing"
    with pytest.raises(FileError, match=r"b\.tar\.gz: it is compressed neither"):
        fetch_model(server.base + "b.tar.gz")
    with pytest.raises(BundleError, match=r"holds no bundle\.json: it is not a bundle"):
        fetch_model(server.base + "elsewhere")
    with pytest.raises(FileError, match="the server answers 404"):
        fetch_model(server.base + "c.tar.gz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=r"empty holds no bundle\.json"):
        fetch_model("empty")
    assert held(models) == []


def test_an_archive_that_reaches_outside_leaves_nothing(models: Path, server: Loopback) -> None:
    server.files["a.tar.gz"] = tar_gz({"../../evil": b"x", "bundle.json": b"{}"}, "a")
    with pytest.raises(FileError, match=r"outside its folder; nothing was extracted"):
        fetch_model(server.base + "a.tar.gz")
    assert held(models) == []


def test_a_dropped_connection_goes_on(models: Path, server: Loopback, archive: Path) -> None:
    server.faults["pelvis-2.tar.gz"] = [Fault(after=1000)]
    fetch_model(server.base + "pelvis-2.tar.gz", sha256=sha256(archive))
    assert [h.get("Range") for _, h in server.requests] == [None, "bytes=1000-"]


def test_nothing_is_replaced_unless_asked(models: Path, bundle: Path) -> None:
    fetch_model(str(bundle), name="mine")
    (models / "mine" / "notes").write_text("precious")
    with pytest.raises(FileError, match="exists already; pass overwrite=True"):
        fetch_model(str(bundle), name="mine")
    assert (models / "mine" / "notes").exists()
    with pytest.raises(FileError):  # what comes instead is no good: the former one stays
        fetch_model(str(bundle), name="mine", sha256="1" * 64, overwrite=True)
    assert (models / "mine" / "notes").exists()
    fetch_model(str(bundle), name="mine", overwrite=True)
    assert not (models / "mine" / "notes").exists()


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({}, "head is a shipped model"),
        ({"name": "../up"}, "'../up' cannot be a model's name"),
        ({"name": "mine", "sha256": "12"}, "'12' is not a SHA-256"),
    ],
)
def test_names_and_sums_that_cannot_be(
    keywords: dict[str, str], said: str, models: Path, bundle: Path
) -> None:
    with pytest.raises(FileError, match=said):
        fetch_model(str(bundle), **keywords)
    assert held(models) == []


@pytest.mark.parametrize(
    ("given", "base", "packed", "name"),
    [
        (HUB, f"{HUB}/resolve/main", False, "pelvis"),
        (f"{HUB}/", f"{HUB}/resolve/main", False, "pelvis"),
        (f"{HUB}/tree/v2", f"{HUB}/resolve/v2", False, "pelvis"),
        (f"{HUB}/resolve/main/t1", f"{HUB}/resolve/main/t1", False, "pelvis"),
        (f"{HUB}/resolve/main/t1.tar.gz", f"{HUB}/resolve/main/t1.tar.gz", True, "t1"),
        ("https://a.org/x/t1.tgz", "https://a.org/x/t1.tgz", True, "t1"),
        ("https://a.org/x/t1/", "https://a.org/x/t1", False, "t1"),
        ("http://127.0.0.1:8000/t1", "http://127.0.0.1:8000/t1", False, "t1"),
    ],
)
def test_what_an_address_means(given: str, base: str, packed: bool, name: str) -> None:
    found = parse_address(given)
    assert (found.base, found.packed, found.name) == (base, packed, name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("http://a.org/t1", "is not encrypted"),
        ("ftp://a.org/t1", "begins with https:// or file://"),
        ("https://a.org/t1?download=1", r"with \? or # is not accepted"),
        ("https://huggingface.co/pelvis", "https://huggingface.co/OWNER/REPOSITORY"),
        ("nowhere", "nowhere does not exist; a model is fetched from an address"),
    ],
)
def test_what_is_no_address(given: str, said: str) -> None:
    with pytest.raises(FileError, match=said):
        parse_address(given)


def offer(archive: Path, **further: object) -> bytes:
    entry = {"address": archive.name, "sha256": sha256(archive), "about": "T1 of the pelvis"}
    return json.dumps({"format": 1, "models": {"pelvis": entry | further}}).encode()


def test_a_list_names_models_and_their_sums(
    models: Path, server: Loopback, archive: Path, tmp_path: Path
) -> None:
    server.files["models.json"] = offer(archive)
    found = choose_offer("pelvis", server.base)
    assert found.address == server.base + "pelvis-2.tar.gz"
    assert fetch_model(found.address, name="pelvis", sha256=found.sha256) == models / "pelvis"

    share = tmp_path / "share"
    share.mkdir()
    shutil.copy(archive, share)
    (share / "models.json").write_bytes(offer(archive))
    assert read_catalogue(str(share))["pelvis"].address == str(share / archive.name)
    with pytest.raises(FileError, match="offers no model 'pelvic'; it offers pelvis; did you mean"):
        choose_offer("pelvic", str(share))
    (share / "models.json").write_bytes(offer(archive, size=3))
    with pytest.raises(FileError, match=r"share/models\.json is damaged: unknown key"):
        read_catalogue(str(share))
    (share / "models.json").unlink()
    with pytest.raises(FileError, match=r"holds no models\.json, so it offers no model"):
        read_catalogue(str(share))


def test_an_unknown_name_tells_of_those_fetched(models: Path, bundle: Path) -> None:
    fetch_model(str(bundle), name="pelvis")
    with pytest.raises(MrtoctError) as caught:
        find_bundle("pelvs")
    assert str(caught.value).endswith("it ships head; fetched: pelvis; did you mean pelvis?")


def test_where_models_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MRTOCT_MODELS", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert models_folder() == tmp_path / "mrtoct" / "models"
    (tmp_path / "mrtoct" / "models" / "half").mkdir(parents=True)
    assert shipped.known_names() == ["head"]  # a folder without bundle.json is no model
