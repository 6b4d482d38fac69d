"""Ways to damage a file that know its format, so that the damage gets past the first checks."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import tarfile
import zlib
from functools import cache
from random import Random
from typing import Any

import nibabel as nib
import numpy as np

from mrtoct.errors import FileError
from mrtoct.io.unpack import pack, unpack

from .mutations import FLOATS, INTEGERS, RAW, TEXT, TEXTS, Mutation, packed_number, some_of

BOMB = 2 << 30
"""Bytes that a few thousand unpack to."""


@cache
def zeros(size: int, bits: int) -> bytes:
    """Return zeros deflated, a valid stream but for its checksum."""
    pressing = zlib.compressobj(9, zlib.DEFLATED, bits)
    start = pressing.compress(b"\0" * (1 << 20)) + pressing.flush(zlib.Z_FULL_FLUSH)
    again = pressing.compress(b"\0" * (1 << 20)) + pressing.flush(zlib.Z_FULL_FLUSH)
    return start + again * (size // (1 << 20) - 1)


@cache
def compressed_zeros() -> bytes:
    return pack(b"\0" * (32 << 20))


def gzipped(inner: tuple[Mutation, ...]) -> Mutation:
    """Damage what is inside a gzip file, whose sum is then right; or the file; or a bomb."""

    def mutate(random: Random, content: bytes) -> bytes:
        if random.random() < 0.02:
            return zeros(BOMB, 31)
        if random.random() < 0.02:  # a right beginning, then zeros without end
            return content + zeros(BOMB, 31)
        whole = _unzipped(content)
        if whole is None or random.random() < 0.25:
            return some_of(random, RAW, content)
        return gzip.compress(some_of(random, inner, whole), 1, mtime=0)

    return mutate


def _unzipped(content: bytes) -> bytes | None:
    """Return what is inside, None where an earlier damage or a bomb leaves nothing to damage."""
    inflate = zlib.decompressobj(31)
    try:
        whole = inflate.decompress(content, 1 << 20)
    except zlib.error:
        return None
    return whole if inflate.eof and not inflate.unused_data else None


def compressed(inner: tuple[Mutation, ...]) -> Mutation:
    """The same for UNIX compress."""

    def mutate(random: Random, content: bytes) -> bytes:
        if random.random() < 0.01:
            return compressed_zeros()
        if random.random() < 0.6:
            return some_of(random, RAW, content)
        try:
            whole = unpack(content, 1 << 20)
        except FileError:  # of an earlier damage
            return some_of(random, RAW, content)
        return pack(some_of(random, inner, whole))

    return mutate


def header_and_block(mark: bytes, inner: Mutation | None = None) -> Mutation:
    """Damage the text before a mark as text, or the block of voxels behind it."""

    def mutate(random: Random, content: bytes) -> bytes:
        head, blank, block = content.partition(mark)
        if random.random() < 0.75:
            return some_of(random, TEXT, head) + blank + block
        if random.random() < 0.1:
            return head + blank + zeros(BOMB, random.choice((15, 31)))
        return head + blank + (inner(random, block) if inner else some_of(random, RAW, block))

    return mutate


NIFTI_FIELDS = {
    size: [(offset, kind) for kind, offset in nib_header.template_dtype.fields.values()]
    for size, nib_header in ((348, nib.Nifti1Header), (540, nib.Nifti2Header))
}


def nifti_field(random: Random, content: bytes) -> bytes:
    """Write an extreme number into a field of the header, in the header's own byte order."""
    if len(content) < 540:
        return content
    size = 540 if 540 in (struct.unpack_from(o, content)[0] for o in ("<i", ">i")) else 348
    order = "<" if struct.unpack_from("<i", content)[0] == size else ">"
    offset, kind = random.choice(NIFTI_FIELDS[size])
    base = kind.base.newbyteorder(order)
    offset += base.itemsize * random.randrange(int(np.prod(kind.shape)) if kind.shape else 1)
    if base.kind == "f":
        new = np.array(random.choice(FLOATS), base)
    elif base.kind in "iu":
        info = np.iinfo(base)
        value = random.choice((*INTEGERS, *range(0, 2049, 256), 4, 8, 16, 64))
        new = np.array(max(info.min, min(info.max, value)), base)
    else:
        return content[:offset] + packed_number(random)[:1] + content[offset + 1 :]
    return content[:offset] + new.tobytes() + content[offset + new.nbytes :]


NIFTI = (nifti_field,) * 8 + RAW


def json_value(random: Random, content: bytes) -> bytes:
    """Change a value or a key somewhere in a JSON file."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return some_of(random, TEXT, content)
    places = list(_places(whole))
    if not places:
        return some_of(random, TEXT, content)
    owner, key = random.choice(places)
    kind = random.randrange(8)
    if kind == 0:
        del owner[key]
    elif kind == 1 and isinstance(owner, dict):
        owner[random.choice((*TEXTS[:30], f"{key}s"))] = owner.pop(key)
    elif kind == 2 and isinstance(owner, list):
        owner.extend([owner[key]] * random.choice((1, 3, 1000)))
    elif kind == 3:
        other, name = random.choice(places)
        owner[key] = json.loads(json.dumps(other.get(name) if isinstance(other, dict) else other))
    else:
        owner[key] = json.loads(random.choice(JSON_VALUES))
    text = json.dumps(whole)
    if random.random() < 0.05:  # the same key twice
        at = text.find("{") + 1
        text = f"{text[:at]}{text[at : text.find(',') + 1] or ''}{text[at:]}"
    return text.encode()


def _places(node: Any) -> Any:
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(pairs)[:60]:
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


JSON_VALUES = (
    "0", "-1", "1", "2", "1.5", "1e308", "-1e308", "NaN", "Infinity", "-Infinity", "null", "true",
    "false", '""', '"a"', '"nan"', '"../../x"', '"\\u0000"', '"\\ud800"', "[]", "{}", "[[]]",
    "[null]", '{"a": 1}', "9" * 400, "4294967296", "9223372036854775808", "-9223372036854775809",
    "[" * 200 + "]" * 200, '"' + "x" * 5000 + '"', "[1, 2]", "[1, 2, 3, 4]", "65536", "1000000000",
)  # fmt: skip


def deep_json(random: Random, content: bytes) -> bytes:
    depth = random.choice((100, 1000, 100_000))
    mark = random.choice((b"[", b'{"a":'))
    return random.choice((mark * depth, content[:-1].rstrip() + b"," + mark * depth))


JSON = (json_value,) * 10 + (deep_json,) + TEXT


def with_sum(
    mutate: Mutation, random: Random, weights: bytes, record: bytes
) -> tuple[bytes, bytes]:
    """Damage weights and write their new checksum into the record beside them."""
    damaged = mutate(random, weights)
    before, after = (hashlib.sha256(c).hexdigest().encode() for c in (weights, damaged))
    return damaged, record.replace(before, after)


def tar_member(random: Random, content: bytes) -> bytes:
    """Write an archive anew with a member that should not be taken."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=random.choice((0, 1, 2))) as new:
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as old:
                for member in old:
                    new.addfile(member, old.extractfile(member) if member.isreg() else None)
        except (tarfile.TarError, ValueError, OSError):  # of an earlier damage
            return some_of(random, RAW, content)
        entry = tarfile.TarInfo(random.choice(NAMES))
        entry.type = random.choice(
            (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE,
             tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE)
        )  # fmt: skip
        entry.linkname = random.choice(NAMES)
        entry.mode = random.choice((0, 0o777, 0o6755))
        new.addfile(entry)
    return out.getvalue()


NAMES = (
    "../out", "../../../../tmp/out", "/tmp/out", "a/../../out", "..", ".", "", "/", "//x", "C:\\x",
    "a\\..\\b", "a" * 99, "a/" * 40 + "b", "é\u202e", "nul", ".part", "a\nb", "A", "a",
)  # fmt: skip
ARCHIVE = (tar_member,) * 4 + RAW
