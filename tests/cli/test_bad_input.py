"""Bad input: one sentence that names the file, status 1, nothing written, nothing touched."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrtoct.io.files import read_volume, write_volume
from mrtoct.volume import Grid, Volume


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def nifti(path: Path, voxels: np.ndarray, spacing=(4.0, 4.0, 4.0)) -> None:
    image = nib.Nifti1Image(voxels, np.diag([*spacing, 1.0]))
    nib.save(image, path)


def truncated(path: Path, good: Path) -> None:
    path.write_bytes(gzip.compress(gzip.decompress(good.read_bytes())[:5000]))


def cut_short(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes()[:5000])


def wrong_magic(path: Path, good: Path) -> None:
    content = bytearray(gzip.decompress(good.read_bytes()))
    content[344:348] = b"oops"
    path.write_bytes(gzip.compress(bytes(content)))


def header_with(offset: int, values: np.ndarray):
    def make(path: Path, good: Path) -> None:
        content = bytearray(gzip.decompress(good.read_bytes()))
        content[offset : offset + values.nbytes] = values.tobytes()
        path.write_bytes(gzip.compress(bytes(content)))

    return make


def with_voxel(value: float):
    def make(path: Path, good: Path) -> None:
        voxels = read_volume(good, "a.u.").voxels.astype(np.float32)
        voxels[3, 4, 5] = value
        nifti(path, voxels)

    return make


def constant(path: Path, good: Path) -> None:
    nifti(path, np.full((20, 21, 22), 7, np.int16))


def frames(path: Path, good: Path) -> None:
    nifti(path, np.zeros((9, 8, 7, 3), np.int16))


def text(path: Path, good: Path) -> None:
    path.write_text("not a scan")


def empty(path: Path, good: Path) -> None:
    path.touch()


def missing(path: Path, good: Path) -> None:
    pass


def a_folder(path: Path, good: Path) -> None:
    path.mkdir()


# sform_code and qform_code of 0 leave pixdim to say what the spacing is.
PIXDIM = 76


def no_spacing(spacing: float):
    def make(path: Path, good: Path) -> None:
        content = bytearray(gzip.decompress(good.read_bytes()))
        content[252:256] = bytes(4)
        content[PIXDIM + 4 : PIXDIM + 8] = np.float32(spacing).tobytes()
        path.write_bytes(gzip.compress(bytes(content)))

    return make


SCANS = {
    "truncated": (truncated, "announces"),
    "cut short": (cut_short, "damaged|is truncated|end"),
    "wrong magic": (wrong_magic, "magic|NIfTI"),
    "infinite": (with_voxel(np.inf), "1 voxels are infinite|1 voxels are NaN or infinite"),
    "constant": (constant, "is constant: every voxel is 7"),
    "several frames": (frames, "frame"),
    "zero spacing": (no_spacing(0.0), "spacing"),
    "negative spacing": (no_spacing(-3.0), "spacing"),
    "text": (text, "NIfTI|gzip"),
    "empty": (empty, "NIfTI|gzip|empty|end"),
    "missing": (missing, "does not exist"),
    "folder": (a_folder, "is not a file|Is a directory"),
}


@pytest.mark.parametrize("kind", SCANS)
def test_translate_names_the_scan_it_cannot_use(made, mrtoct, tmp_path, kind):
    damage, reason = SCANS[kind]
    bad = tmp_path / "scan.nii.gz"
    damage(bad, made.mr)
    sentence = mrtoct(
        "translate", bad, tmp_path / "out" / "sct.nii.gz", "--model", made.best
    ).sentence
    assert str(bad) in sentence
    assert any(word in sentence for word in reason.split("|")), sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [kind for kind in SCANS if kind != "constant"])
@pytest.mark.parametrize("place", ["sct", "ct", "mask"])
def test_evaluate_names_the_scan_it_cannot_use(made, mrtoct, tmp_path, place, kind):
    damage, reason = SCANS[kind]
    bad = tmp_path / "bad.nii.gz"
    damage(bad, made.ct)
    paths = {"sct": made.ct, "ct": made.ct, "mask": made.ct} | {place: bad}
    sentence = mrtoct(
        "evaluate", paths["sct"], paths["ct"], "--mask", paths["mask"], "--json"
    ).sentence
    assert str(bad) in sentence
    assert any(word in sentence for word in reason.split("|")), sentence


@pytest.fixture
def source(made, tmp_path) -> Path:
    """A good subject, to which bad ones are added."""
    good = tmp_path / "raw" / "good"
    good.mkdir(parents=True)
    for name in ("mr.nii.gz", "ct.nii.gz"):
        shutil.copy(made.raw / "phantom-001" / name, good)
    shutil.copy(made.raw / "phantom-001" / "truth" / "ct_to_mr.tfm", good)
    return tmp_path / "raw"


def test_prepare_skips_all_bad_subjects_and_says_why(made, mrtoct, source, tmp_path):
    reasons = {}
    for number, (kind, (damage, reason)) in enumerate(SCANS.items()):
        for scan in ("mr", "ct"):
            folder = source / f"bad-{number}-{scan}"
            shutil.copytree(source / "good", folder)
            (folder / f"{scan}.nii.gz").unlink()
            damage(folder / f"{scan}.nii.gz", made.mr if scan == "mr" else made.ct)
            reasons[folder.name] = "has no" if kind in ("missing", "folder") else reason
    shifted = source / "no-hu"
    shutil.copytree(source / "good", shifted)
    ct = read_volume(made.ct, "HU")
    write_volume(
        shifted / "ct.nii.gz",
        ct.with_voxels(np.maximum(ct.voxels, -1024) + np.int16(1024)),
        overwrite=True,
    )
    reasons["no-hu"] = "in HU the air around a head is near -1000"
    apart = source / "apart"
    shutil.copytree(source / "good", apart)
    far = ct.grid.affine.copy()
    far[:3, 3] += 2000
    write_volume(
        apart / "ct.nii.gz", Volume(ct.voxels, Grid(ct.grid.shape, far), "HU"), overwrite=True
    )
    reasons["apart"] = "CT and MR do not overlap"
    twice = source / "[red]twice"  # not the terminal's markup
    shutil.copytree(source / "good", twice)
    shutil.copy(twice / "ct.nii.gz", twice / "ct.nii")
    reasons[twice.name] = "keep one ct"
    garbled = source / "garbled"
    shutil.copytree(source / "good", garbled)
    (garbled / "ct_to_mr.tfm").write_text("no transform")
    reasons["garbled"] = "ct_to_mr.tfm cannot be used as an ITK text transform"

    store = tmp_path / "store"
    result = mrtoct("prepare", source, store, "--recipe", made.recipe, "--workers", 1)
    assert result.status == 1
    assert "Traceback" not in result.err
    shown = result.out.split()
    assert shown.count("good") == 2  # its name, its verdict
    assert shown.count("failed") == len(reasons)
    manifest = json.loads((store / "manifest.json").read_text())
    assert manifest["subjects"] == ["good"]
    assert set(manifest["failed"]) == set(reasons)
    for name, reason in reasons.items():
        told = manifest["failed"][name]
        assert any(word in told for word in reason.split("|")), (name, told)
        assert f"{name}: {told}" in result.err
        assert "\n" not in told
    assert f"1 subject ready in {store}, {len(reasons)} failed and skipped" in result.err
    assert sorted(p.name for p in store.iterdir()) == ["SHA256SUMS", "good", "manifest.json"]


def test_prepare_without_a_usable_subject(made, mrtoct, source, tmp_path):
    (source / "good" / "ct.nii.gz").write_bytes(b"")
    result = mrtoct("prepare", source, tmp_path / "store", "--recipe", made.recipe)
    assert result.status == 1
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("mrtoct: none of 1 subject could be prepared; the first: ")
    assert "ct.nii.gz" in last


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("{tmp}/nowhere", "{tmp}/new"), "nowhere does not exist"),
        (("{tmp}", "{tmp}/new"), "holds no subject"),
        (("{raw}", "{ct}"), "exists and is not a store"),
        (("{raw}", "{raw}"), "exists and is not a store"),
        (("{raw}", "{tmp}/new", "--recipe", "unit"), "no recipe 'unit' (did you mean 'unet'?)"),
        (("{raw}", "{tmp}/new", "--recipe", "{tmp}/no.toml"), "no.toml does not exist"),
        (("{raw}", "{tmp}/new", "--recipe", "{misspelt}"), "did you mean 'data.spacing'|'spacing'"),
        (
            ("{raw}", "{tmp}/new", "--recipe", "{impossible}"),
            "spacing must be three numbers of 0.2 to 10 mm",
        ),
        (("{raw}", "{tmp}/new", "--recipe", "{no_toml}"), "is not valid TOML"),
    ],
)
def test_prepare_refuses(made, mrtoct, tmp_path, arguments, reason):
    names = {"misspelt": "[data]\nspacings = [1, 1, 1]\n[training]\nsteps = 3\n",
             "impossible": "[data]\nspacing = [1, 0, 1]\n[training]\nsteps = 3\n",
             "no_toml": "steps: 3\n"}  # fmt: skip
    (tmp_path / "recipes").mkdir()
    for name, content in names.items():
        (tmp_path / "recipes" / f"{name}.toml").write_text(content)
    places = {name: tmp_path / "recipes" / f"{name}.toml" for name in names}
    before = contents(made.raw)
    filled = [a.format(tmp=tmp_path, raw=made.raw, ct=made.ct, **places) for a in arguments]
    sentence = mrtoct("prepare", *filled).sentence
    assert any(word in sentence for word in reason.split("|")), sentence
    assert not (tmp_path / "new").exists()
    assert contents(made.raw) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("{there}",), "there.nii.gz exists already; pass --overwrite"),
        (("{tmp}/sct.png",), "sct.png is not a supported volume"),
        (("{there}/sct.nii",), "there.nii.gz"),
        (("{tmp}/sct.nii", "--device", "gpu"), "device 'gpu'"),
        (("{tmp}/sct.nii", "--device", "cuda:77"), "device 'cuda:77'"),
        (("{tmp}/sct.nii", "--page", "{tmp}/page.png"), "it must end in .html"),
        (("{tmp}/sct.nii", "--page", "{there}/page.html"), "there.nii.gz"),
        (("{tmp}/sct.nii", "--model", "{run}"), "did you mean {best}?"),
        (("{tmp}/sct.nii", "--model", "{tmp}"), "is not a bundle: it holds no bundle.json"),
        (("{tmp}/sct.nii", "--model", "{tmp}/none"), "none is not a bundle"),
        (("{tmp}/sct.nii", "--model", "{mr}"), "mr.nii.gz is not a bundle"),
        (("{tmp}/sct.nii", "--model", "haed"), "ships no model 'haed', and there is no such"),
    ],
)
def test_translate_refuses(made, mrtoct, tmp_path, arguments, reason):
    there = tmp_path / "there.nii.gz"
    there.write_bytes(b"precious")
    places = {"best": made.best, "run": made.run, "mr": made.mr, "tmp": tmp_path, "there": there}
    filled = [a.format(**places) for a in arguments]
    if "--model" not in filled:
        filled += ["--model", str(made.best)]
    sentence = mrtoct("translate", made.mr, *filled).sentence
    assert reason.format(**places) in sentence
    assert contents(tmp_path) == {"there.nii.gz": b"precious"}


def test_folders_of_mrtocts_own_are_no_scans(made, mrtoct, tmp_path):
    swapped = mrtoct("translate", made.best, tmp_path / "sct.nii.gz").sentence
    assert f"{made.best} is a model (bundle.json), not a scan; to use it as a model give" in swapped
    many = mrtoct("translate", made.store, tmp_path / "scts").sentence
    assert f"{made.store} is a store (manifest.json), not a folder of heads" in many
    seen = mrtoct("view", made.run, "--no-browser").sentence
    assert f"{made.run} is a run of a training (run.json), not a scan" in seen
    named = mrtoct("translate", made.mr, made.best, "--overwrite").sentence
    assert "is not a supported volume" in named
    assert (made.best / "bundle.json").is_file()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("file", ["bundle.json", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "changed"])
def test_translate_names_the_damaged_file_of_a_bundle(made, mrtoct, tmp_path, file, damage):
    bundle = tmp_path / "bundle"
    shutil.copytree(made.best, bundle)
    content = (bundle / file).read_bytes()
    (bundle / file).unlink()
    if damage == "truncated":
        (bundle / file).write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        (bundle / file).write_bytes(content.replace(b'"format": 3', b'"format": 8', 1)
                                    if file == "bundle.json" else content[:-1] + b"?")  # fmt: skip
    sentence = mrtoct("translate", made.mr, tmp_path / "sct.nii", "--model", bundle).sentence
    assert str(bundle) in sentence
    assert file in sentence
    assert not (tmp_path / "sct.nii").exists()


def test_translate_keeps_what_it_may_not_replace_and_replaces_what_it_may(made, mrtoct, tmp_path):
    output = tmp_path / "sct.nii.gz"
    output.write_bytes(b"old")
    missing = tmp_path / "missing.nii"
    result = mrtoct("translate", missing, output, "--model", made.best, "--overwrite")
    assert str(missing) in result.sentence
    assert output.read_bytes() == b"old"
    assert mrtoct("translate", made.mr, output, "--model", made.best, "--overwrite").status == 0
    assert read_volume(output, "HU").grid.matches(read_volume(made.mr, "a.u.").grid)
    assert [p.name for p in tmp_path.iterdir()] == ["sct.nii.gz"]


def test_evaluate_refuses_other_grids_and_units(made, mrtoct, tmp_path):
    ct = read_volume(made.ct, "HU")
    moved = ct.grid.affine.copy()
    moved[0, 3] += 1
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("moved", "raw", "unit", "none")}
    write_volume(paths["moved"], Volume(ct.voxels, Grid(ct.grid.shape, moved), "HU"))
    write_volume(paths["raw"], ct.with_voxels(np.maximum(ct.voxels, -1024) + np.int16(1024)))
    write_volume(paths["unit"], ct.with_voxels((ct.voxels > 0).astype(np.float32)))
    write_volume(paths["none"], ct.with_voxels(np.zeros(ct.grid.shape, np.uint8), "label"))

    for pair in ((made.ct, paths["moved"]), (paths["moved"], made.ct)):
        sentence = mrtoct("evaluate", *pair).sentence
        assert str(made.ct) in sentence
        assert str(paths["moved"]) in sentence
        assert "corners up to 1 mm apart" in sentence
    sentence = mrtoct("evaluate", made.ct, made.ct, "--mask", paths["moved"]).sentence
    assert f"{paths['moved']}" in sentence
    sentence = mrtoct("evaluate", made.ct, made.ct, "--mask", paths["none"]).sentence
    assert sentence == f"{paths['none']} is empty: no voxel is above 0"
    for name in ("raw", "unit"):
        for pair in ((paths[name], made.ct), (made.ct, paths[name])):
            sentence = mrtoct("evaluate", *pair).sentence
            assert sentence.startswith(f"{paths[name]}: values run from 0 to "), sentence
    nothing = tmp_path / "air.nii.gz"
    write_volume(nothing, ct.with_voxels(np.full(ct.grid.shape, -1000, np.int16)))
    assert f"{nothing}: no head found in the CT" in mrtoct("evaluate", nothing, nothing).sentence


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("{tmp}", "{tmp}/new"), "is not a store (no manifest.json)"),
        (("{tmp}/none", "{tmp}/new"), "none is not a folder"),
        (("{store}", "{run}"), "exists already; pass --resume to go on or --overwrite"),
        (("{store}", "{mr}"), "mr.nii.gz"),
        (("{store}", "{tmp}/new", "--resume"), "holds no run to resume"),
        (
            ("{store}", "{tmp}/new", "--recipe", "{misspelt}"),
            "misspelt.toml: unknown key 'training.step'; did you mean 'steps'?",
        ),
    ],
)  # fmt: skip
def test_train_refuses(made, mrtoct, tmp_path, arguments, reason):
    misspelt = tmp_path / "misspelt.toml"
    misspelt.write_text("[training]\nstep = 3\n")
    places = {"tmp": tmp_path, "store": made.store, "run": made.run, "mr": made.mr,
              "misspelt": misspelt}  # fmt: skip
    before = contents(made.run)
    filled = [a.format(**places) for a in arguments]
    if "--recipe" not in filled:
        filled += ["--recipe", str(made.recipe)]
    assert reason in mrtoct("train", *filled).sentence
    assert contents(made.run) == before
    assert not (tmp_path / "new").exists()


def test_report_refuses(made, mrtoct, tmp_path):
    assert "is not a run (no run.json)" in mrtoct("report", tmp_path).sentence
    page = tmp_path / "page.html"
    page.write_text("precious")
    assert "exists already" in mrtoct("report", made.run, "--out", page).sentence
    assert page.read_text() == "precious"
    sentence = mrtoct("report", made.run, "--out", tmp_path, "--overwrite").sentence
    assert "is a folder; a file name is needed" in sentence


def test_phantom_tour_and_demo_refuse_folders_that_are_in_use(made, mrtoct, tmp_path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "mine" / "raw" / "patient").mkdir(parents=True)
    (tmp_path / "mine" / "raw" / "patient" / "ct.nii").write_text("precious")
    before = contents(tmp_path)
    assert "is a file; name a folder" in mrtoct("phantom", tmp_path / "file").sentence
    assert "exists already" in mrtoct("phantom", tmp_path / "mine").sentence
    assert "exists already" in mrtoct("tour", "--out", tmp_path / "mine").sentence
    assert "exists already" in mrtoct("tour", "--out", tmp_path / "file").sentence
    for name in ("mine", "file"):
        sentence = mrtoct("tour", "--out", tmp_path / name, "--overwrite").sentence
        assert "was not made by mrtoct tour" in sentence
    assert "is a file; name a folder" in mrtoct("demo", "--out", tmp_path / "file").sentence
    assert contents(tmp_path) == before


FULL_DISK = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
from mrtoct.cli.app import main
main()
"""


def on_a_full_disk(*arguments: object) -> str:
    """Run a command that may write files of 40 kB at most; return what it said."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sets no limit on a file's size")
def test_a_full_disk_ends_prepare_and_translate(made, source, tmp_path):
    store = tmp_path / "store"
    sentence = on_a_full_disk("prepare", source, store, "--recipe", made.recipe, "--workers", 1)
    assert sentence == f"mrtoct: cannot write {store / 'good'}: the disk is full"
    assert list(store.iterdir()) == []
    output = tmp_path / "sct.nii"
    output.write_bytes(b"old")
    sentence = on_a_full_disk("translate", made.mr, output, "--model", made.best, "--overwrite")
    assert sentence == f"mrtoct: cannot write {output}: File too large"
    assert output.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["raw", "sct.nii", "store"]
