"""Good inputs, as small as they can be, most of them written by mrtoct itself."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from mrtoct.io.files import write_volume
from mrtoct.io.rire.image import in_rire_frame
from mrtoct.io.rire.image import write as write_rire
from mrtoct.io.rire.transform import from_ras, rire_text
from mrtoct.io.sums import SUMS
from mrtoct.io.unpack import pack, unpack
from mrtoct.prepare.clean import DroppedSlice
from mrtoct.prepare.store import Manifest, PreparedSubject, write_manifest, write_subject
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import open_run
from mrtoct.training.split import Split
from mrtoct.translation.bundle import Bundle, network_of, write_bundle
from mrtoct.translation.guard.seen import SeenMr
from mrtoct.translation.pretrained.shipped import FOLDER as SHIPPED
from mrtoct.volume import Array, Grid, Volume

Files = dict[str, bytes]
"""Contents by name, folders in it parted by a slash."""

SHAPE = (5, 6, 7)


def files_in(folder: Path) -> Files:
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def made_in_a_folder(make: Callable[[Path], object]) -> Files:
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        return files_in(Path(name))


def scan(dtype: str = "int16") -> Volume:
    """Return an oblique scan of 5 x 6 x 7 voxels."""
    values = np.random.default_rng(1).integers(-1000, 2000, SHAPE).astype(dtype)
    return Volume(values, Grid(SHAPE, oblique()), "a.u.")


def oblique() -> Array:
    affine = np.array(
        [[-0.9, 0.1, 0.3, 12.0], [0.12, 1.1, 0.2, -7.0], [-0.1, 0.2, 2.4, 31.0], [0, 0, 0, 1]]
    )
    axes, _ = np.linalg.qr(affine[:3, :3])
    affine[:3, :3] = axes * (0.9, 1.1, 2.5)
    return affine


def volumes(*names: str) -> list[Files]:
    """Return one file of each name as mrtoct writes it, of whole numbers and of fractions."""
    return [
        made_in_a_folder(lambda f, n=name, v=scan(dtype): write_volume(f / n, v))
        for name in names
        for dtype in ("int16", "float32")
    ]


def nifti() -> list[Files]:
    others = []
    for kind, order in ((nib.Nifti2Image, "<"), (nib.Nifti1Image, ">")):
        header = kind.header_class(endianness=order)
        header.set_data_dtype(np.dtype("i2").newbyteorder(order))
        image = kind(scan().voxels, scan().affine, header)
        image.header.set_slope_inter(0.5, -3)
        image.header.set_xyzt_units("micron")
        others.append({"scan.nii": image.to_bytes()})
    return volumes("scan.nii", "scan.nii.gz") + others


def metaimage() -> list[Files]:
    apart = volumes("scan.mhd")[0]
    head, voxels = apart["scan.mhd"], scan().voxels
    plain = head.replace(b"CompressedData = True", b"CompressedData = False")
    raw = voxels.astype("<i2").tobytes(order="F")
    return [
        *volumes("scan.mha"),
        apart,
        {"scan.mhd": plain.replace(b".zraw", b".raw"), "scan.raw": raw},
        {"scan.mhd": plain.replace(b".zraw", b".raw"), "scan.raw.Z": pack(raw)},
    ]


def nrrd() -> list[Files]:
    packed = volumes("scan.nrrd")
    head = packed[0]["scan.nrrd"].partition(b"\n\n")[0].replace(b"encoding: gzip", b"encoding: raw")
    raw = scan().voxels.astype("<i2").tobytes(order="F")
    apart = head + b"\ndata file: scan.raw\n"
    return [
        *packed,
        {"scan.nrrd": head + b"\n\n" + raw},
        {"scan.nhdr": apart, "scan.raw": raw},
    ]


def rire() -> list[Files]:
    volume = in_rire_frame(scan())
    packed = made_in_a_folder(lambda f: write_rire(f / "ct", volume, "CT"))
    head, block = packed["ct/header.ascii"], unpack(packed["ct/image.bin.Z"], 1 << 20)
    return [packed, {"ct/header.ascii": head, "ct/image.bin": block}]


def packed() -> list[Files]:
    content = bytes(range(256)) * 9
    return [{"a.Z": pack(content)}, {"a.gz": gzip.compress(content)}]


def rire_transform() -> list[Files]:
    turn = np.eye(4)
    turn[:3, 3] = (3, -4, 5)
    grid = in_rire_frame(scan()).grid
    return [{"ct_T1.standard": rire_text(from_ras(turn, grid, grid)).encode()}]


ITK_KINDS = {
    "AffineTransform": "1 0 0 0 1 0 0 0 1 3 -4 5",
    "Euler3DTransform": "0.1 -0.2 0.3 3 -4 5",
    "VersorRigid3DTransform": "0.1 -0.2 0.3 3 -4 5",
    "QuaternionRigidTransform": "0.1 -0.2 0.3 0.9 3 -4 5",
    "Similarity3DTransform": "0.1 -0.2 0.3 3 -4 5 1.1",
    "ScaleVersor3DTransform": "0.1 -0.2 0.3 3 -4 5 1.1 1 0.9",
    "ScaleTransform": "1.1 1 0.9",
}


def itk_transform() -> list[Files]:
    start = "#Insight Transform File V1.0\n#Transform 0\n"
    parts = [
        f"Transform: {kind}_double_3_3\nParameters: {numbers}\nFixedParameters: 1 2 3\n"
        for kind, numbers in ITK_KINDS.items()
    ]
    composite = "Transform: CompositeTransform_double_3_3\n" + "".join(parts[:2])
    return [{"t.tfm": (start + part).encode()} for part in [*parts, composite]]


def archives() -> list[Files]:
    """Return a scan as RIRE packs it, without the last gzip: that is put on after the damage."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name, content in rire()[0].items():
            entry = tarfile.TarInfo(f"patient_001/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return [{"ct.tar.gz": out.getvalue()}]


TABLE = "subject,ct,mr,mr_T2,mr_T2_series,ct_to_mr,mask,aligned\n" + "".join(
    f"s{n},ct.nii,mr.nii,{'t2,5' if n == 2 else ','},{'' if n == 1 else 't.tfm'},m.nii,"
    f"{'yes' if n == 1 else 'no'}\n"
    for n in range(3)
)


def tables() -> list[Files]:
    beside = dict.fromkeys(("ct.nii", "mr.nii", "t2/a", "t.tfm", "m.nii"), b"")
    return [
        {"table.csv": TABLE.encode(), **beside},
        {"table.csv": TABLE.replace(",", ";").encode(), **beside},
        {"table.tsv": TABLE.replace(",", "\t").encode(), **beside},
    ]


def points() -> list[Files]:
    text = "name,x,y,z\nnose,1,2.5,-3\near,4,5,6\n"
    return [{"p.csv": text.encode()}, {"p.tsv": text.replace(",", "\t").encode()}]


def curves() -> list[Files]:
    return [{"c.hlut": b"# HU value\n-1024 0.001\n0 1000\n3000,2500.5\n"}]


def store() -> list[Files]:
    mr, mask = scan("float32"), scan().with_voxels(np.ones(SHAPE, bool), "label")
    turn = np.eye(4).tolist()
    record = {"verdict": "good", "reason": "sharp", "transform": turn}
    record = {**record, "channels": {"T2": {**record, "verdict": "doubtful"}}}
    subject = PreparedSubject(
        "s01", {"T1": mr, "T2": mr}, Volume(scan().voxels, mr.grid, "HU"), mask, mask, mask, mask,
        [DroppedSlice(0, "covered by the MR to 20 %")], record, "f" * 64, ["a warning"],
        {"T1": (1.0, 1.0, 2.0)},
    )  # fmt: skip

    def write(folder: Path) -> None:
        write_subject(folder, subject)
        settings = {"spacing": [1.0, 1.0, 1.0], "channels": ["T1", "T2"]}
        write_manifest(folder, Manifest(settings, ("T1", "T2"), ["s01"], {"s02": "no CT"}))

    return [made_in_a_folder(write)]


def recipes() -> list[Files]:
    folder = SHIPPED.parents[1] / "recipes"
    names = ("unet", "paper-context-gan", "any-contrast", "modern")
    return [{"r.toml": (folder / f"{name}.toml").read_bytes()} for name in names]


def tiny_recipe() -> Recipe:
    values = {
        "name": "tiny", "model": {"width": 2, "depth": 3}, "data": {"size": [16, 16]},
        "training": {"steps": 2},
    }  # fmt: skip
    return Recipe.model_validate(values)


def runs() -> list[Files]:
    split = Split(("s01", "s02"), ("s03",), ())

    def write(folder: Path) -> None:
        prints = dict.fromkeys(("s01", "s02", "s03"), "f" * 64)
        open_run(
            folder, Path("/store"), tiny_recipe(), split, prints, resume=False, overwrite=False
        )
        rows = "step,seconds,learning_rate,train_loss,validation_mae\n1,2.0,0.1,3.0,\n2,3,1,2,90\n"
        (folder / "curves.csv").write_text(rows)

    return [made_in_a_folder(write)]


def bundles() -> list[Files]:
    """Return bundles of each kind of network, with next to no weights."""
    models = (
        ({"kind": "unet", "width": 2, "depth": 3}, {"kind": "slices", "size": (16, 16)}),
        ({"kind": "context", "width": 1}, {"kind": "patches", "stages": 2}),
        ({"kind": "head_unet", "widths": (8, 8), "detail": 4}, {"kind": "heads"}),
        (
            {"kind": "residual_encoder", "width": 8, "blocks": (1, 1), "supervised": 1},
            {"kind": "heads", "tile": (8, 8, 8)},
        ),
    )
    made = [made_in_a_folder(lambda f, m=m, g=g: _write_bundle(f / "b", m, g)) for m, g in models]
    for files in made[1:]:
        del files[f"b/{SUMS}"]  # as bundles of old, and so that what was changed is read
    return made


def _write_bundle(folder: Path, model: dict[str, object], geometry: dict[str, object]) -> None:
    from pydantic import TypeAdapter

    from mrtoct.io.records import read_record

    values = {"model": model, "channels": ("MR",), "spacing": (1.0, 1.0, 1.0), "geometry": geometry}
    bundle: Bundle = TypeAdapter(Bundle).validate_python(values)
    torch.manual_seed(1)
    seen = read_record(SHIPPED / "head", SeenMr)
    described = Bundle(**{**bundle.__dict__, "seen": seen})
    write_bundle(folder, described, network_of(bundle).state_dict())


def seen() -> list[Files]:
    return [{SeenMr.file: (SHIPPED / "head" / SeenMr.file).read_bytes()}]
