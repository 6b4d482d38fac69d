"""Every reader of files that others made: good inputs, how to damage them, how to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from mrtoct.datasets.table import list_table
from mrtoct.io.archive import Limits, extract
from mrtoct.io.dicom.read import find_series, read_series
from mrtoct.io.dicom.source import copied_from
from mrtoct.io.files import files_of, read_volume
from mrtoct.io.points import read_points
from mrtoct.io.records import read_record
from mrtoct.io.rire.transform import read_rire_transform
from mrtoct.io.scan import Scan
from mrtoct.io.transforms import read_transform
from mrtoct.io.unpack import unpack
from mrtoct.prepare.store import read_manifest, read_subject
from mrtoct.properties.quantity import QUANTITIES
from mrtoct.properties.tables.files import read_table
from mrtoct.training.curves import read_curves
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.run import read_run
from mrtoct.translation.bundle import read_bundle
from mrtoct.translation.guard.seen import SeenMr

from . import dicom_samples, formats, samples
from .dicom_elements import DICOM
from .mutations import RAW, TEXT, Mutation, some_of
from .samples import Files
from .sane import require, require_finite, require_volume

Kinds = tuple[Mutation, ...]


@dataclass(frozen=True)
class Reader:
    """A reader, and what it is shown."""

    samples: Callable[[], list[Files]]
    damage: Mapping[str, Kinds]
    """How to damage a file, by the end of its name; files with other ends stay whole."""
    read: Callable[[Path], None]
    """Read what lies in a folder; raises InsaneError if what comes of it makes no sense."""
    share: int = 2
    """Of the cases of a run, beside the others': fewer where a case takes long."""

    def damaged(self, random: Random, files: Files) -> Files:
        """Return the files of a sample that are changed, with their new content."""
        name = random.choice([n for n in files if self._kinds(n)])
        kinds = self._kinds(name)
        assert kinds is not None
        if name.endswith(".safetensors") and random.random() < 0.8:
            record = name.replace("weights.safetensors", "bundle.json")
            return dict(
                zip(
                    (name, record),
                    formats.with_sum(
                        lambda r, c: some_of(r, kinds, c), random, files[name], files[record]
                    ),
                    strict=True,
                )
            )
        return {name: some_of(random, kinds, files[name])}

    def _kinds(self, name: str) -> Kinds | None:
        return next((kinds for end, kinds in self.damage.items() if name.endswith(end)), None)


def _volume(folder: Path) -> None:
    heads = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")
    path = next(p for p in folder.iterdir() if p.name.endswith(heads))
    require_volume(read_volume(path, "HU"))
    files_of(Scan(path))


def _rire(folder: Path) -> None:
    require_volume(read_volume(folder / "ct", "HU"))


def _rire_transform(folder: Path) -> None:
    transform = read_rire_transform(folder / "ct_T1.standard")
    require_finite([transform.points, transform.moved], "a point")
    require_finite(transform.rigid(), "a transform")


def _itk_transform(folder: Path) -> None:
    matrix = read_transform(folder / "t.tfm")
    require(matrix.shape == (4, 4), "a transform that is not 4 x 4")
    require_finite(matrix, "a transform")
    require(matrix[3].tolist() == [0, 0, 0, 1], "a transform that is not affine")
    require_finite(read_transform(folder / "t.tfm", rigid=True), "a rigid transform")


def _packed(folder: Path) -> None:
    (path,) = folder.iterdir()
    stored = path.read_bytes()
    unpacked = unpack(stored, 4096)
    require(len(unpacked) <= 4096 or unpacked == stored, "more bytes than are allowed")


def _archive(folder: Path) -> None:
    with TemporaryDirectory(dir=folder) as outside:
        inside = Path(outside) / "a" / "b"
        inside.mkdir(parents=True)
        try:
            extract(folder / "ct.tar.gz", inside, Limits(bytes=1 << 22, files=10))
        finally:
            strays = [p for p in Path(outside).rglob("*") if not p.is_relative_to(inside)]
            require(strays == [inside.parent], f"files outside: {strays}")
            require(not any(p.is_symlink() for p in inside.rglob("*")), "a link")


def _dicom(folder: Path) -> None:
    unit = "HU" if any(folder.glob("CT*")) else "a.u."
    series = find_series(folder, unit)
    require_volume(read_series(series, unit))
    copied_from(series)


def _store(folder: Path) -> None:
    manifest = read_manifest(folder)
    require(isinstance(manifest.subjects, list), "subjects")
    for name in ["s01", *manifest.subjects]:
        subject = read_subject(folder, name)
        require(subject.channels, "no channel")
        for volume in (*subject.channels.values(), subject.ct, subject.head, subject.covered):
            require_volume(volume)
        require(all(0 <= k < subject.ct.grid.shape[2] for k in subject.kept_slices), "a slice")
        require(subject.distrust is None or subject.distrust, "no reason")


def _bundle(folder: Path) -> None:
    bundle, network = read_bundle(folder / "b")
    require(sum(w.numel() for w in network.parameters()) < 1 << 22, "too many weights")
    require(all(w.isfinite().all() for w in network.state_dict().values()), "weights not finite")
    require_finite(bundle.spacing, "a spacing")


def _seen(folder: Path) -> None:
    for channel in read_record(folder, SeenMr).channels.values():
        require_finite(channel.average.head, "a head")
        require_finite([channel.apart, channel.fit], "a limit")


def _recipe(folder: Path) -> None:
    recipe = load_recipe(folder / "r.toml")
    require_finite(recipe.data.spacing, "a spacing")


def _table(folder: Path) -> None:
    (path,) = (p for p in folder.iterdir() if p.suffix in (".csv", ".tsv"))
    for subject in list_table(path).subjects:
        require(subject.name and "/" not in subject.name, f"a subject {subject.name!r}")


def _points(folder: Path) -> None:
    (path,) = folder.iterdir()
    names, found = read_points(path)
    require_finite(found, "a point")
    require(found.shape == (len(names), 3), "points")


def _curve(folder: Path) -> None:
    curve = read_table(folder / "c.hlut", QUANTITIES["density"])
    require_finite([curve.hu, curve.values], "a curve")


def _run(folder: Path) -> None:
    run = read_run(folder)
    require(run.recipe.training.steps > 0, "steps")
    for point in read_curves(folder):
        require(point.step is not None, "a step")


def _dicoms() -> list[Files]:
    kinds = ("mr", "ct", "implicit", "deflated", "rle", "jpeg", "enhanced")
    return [dicom_samples.series(kind) for kind in kinds]


READERS: dict[str, Reader] = {
    "nifti": Reader(
        samples.nifti, {".nii.gz": (formats.gzipped(formats.NIFTI),), ".nii": formats.NIFTI},
        _volume,
    ),
    "metaimage": Reader(
        samples.metaimage,
        {
            ".mha": (formats.header_and_block(b"LOCAL\n"),),
            ".mhd": TEXT,
            ".zraw": (*RAW, lambda r, c: formats.zeros(formats.BOMB, 15)),
            ".raw": RAW,
            ".raw.Z": (formats.compressed(RAW),),
        },
        _volume,
    ),
    "nrrd": Reader(
        samples.nrrd,
        {".nrrd": (formats.header_and_block(b"\n\n"),), ".nhdr": TEXT, ".raw": RAW},
        _volume,
    ),
    "rire": Reader(
        samples.rire,
        {".ascii": TEXT, ".Z": (formats.compressed(RAW),), ".bin": RAW},
        _rire,
        share=8,
    ),
    "rire-transform": Reader(samples.rire_transform, {".standard": TEXT}, _rire_transform, 8),
    "packed": Reader(
        samples.packed,
        {".Z": (formats.compressed(RAW),), ".gz": (formats.gzipped(RAW),)},
        _packed,
        share=8,
    ),
    "itk-transform": Reader(samples.itk_transform, {".tfm": TEXT}, _itk_transform, 8),
    "dicom": Reader(_dicoms, {".dcm": DICOM}, _dicom, 1),
    "archive": Reader(samples.archives, {".gz": (formats.gzipped(formats.ARCHIVE),)}, _archive, 1),
    "store": Reader(samples.store, {".json": formats.JSON, ".npy": RAW + TEXT[:3]}, _store),
    "bundle": Reader(
        samples.bundles, {"bundle.json": formats.JSON, ".safetensors": RAW + TEXT[:3],
         "SHA256SUMS": TEXT}, _bundle, 1
    ),
    "seen": Reader(samples.seen, {".json": formats.JSON}, _seen),
    "recipe": Reader(samples.recipes, {".toml": TEXT}, _recipe, 8),
    "table": Reader(samples.tables, {".csv": TEXT, ".tsv": TEXT}, _table, 8),
    "points": Reader(samples.points, {".csv": TEXT, ".tsv": TEXT}, _points, 8),
    "curve": Reader(samples.curves, {".hlut": TEXT}, _curve, 8),
    "run": Reader(samples.runs, {".json": formats.JSON, ".csv": TEXT}, _run),
}  # fmt: skip
"""By name."""
