"""Archives as RIRE offers them, made from a phantom."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from mrtoct.io.unpack import unpack


def tar_gz(files: Mapping[str, bytes], folder: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        if folder:
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o755
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}" if folder else name)
            entry.size = len(content)
            entry.mode = 0o6755  # as nobody should extract it
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def as_served(subject: Path, modality: str, *, name: str, kind: str) -> bytes:
    """The archive of one scan. kind: packed (.bin.Z), plain (.bin), or metaimage (.mhd + .bin)."""
    folder = subject / modality
    header = (folder / "header.ascii").read_bytes()
    packed = (folder / "image.bin.Z").read_bytes()
    plain = unpack(packed, 1 << 30)
    files = {
        "packed": {"header.ascii": header, "image.bin.Z": packed},
        "plain": {"header.ascii": header, "image.bin": plain},
        "metaimage": {
            f"{name}_{modality}.mhd": metaimage_header(header.decode(), f"{name}_{modality}.bin"),
            f"{name}_{modality}.bin": plain,
        },
    }[kind]
    return tar_gz(files, f"{name}/{modality}")


def metaimage_header(header: str, data: str) -> bytes:
    values = dict(line.split(" := ") for line in header.splitlines() if " := " in line)
    spacing = " ".join([*values["Pixel size"].split(" : "), values["Slice thickness"]])
    return (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = True\n"
        "CompressedData = False\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
        f"ElementSpacing = {spacing}\n"
        f"DimSize = {values['Columns']} {values['Rows']} {values['Slices']}\n"
        f"ElementType = MET_SHORT\nElementDataFile = {data}\n"
    ).encode()
