"""UNIX compress and gzip, told apart by content; gzip's own program is the reference for .Z."""

from __future__ import annotations

import gzip
import shutil
import subprocess

import numpy as np
import pytest

from mrtoct.errors import FileError
from mrtoct.io.unpack import pack, unpack

RNG = np.random.default_rng(2)
SCAN = RNG.integers(-1024, 2000, 200_000).astype(">i2").tobytes()  # fills the table of codes
SMOOTH = np.repeat(RNG.integers(0, 50, 3_000), 40).astype(">i2").tobytes()


@pytest.mark.parametrize("content", [SCAN, SMOOTH, b"ab", bytes(99_999)])
def test_each_packing_is_undone(content: bytes) -> None:
    for packed in (pack(content), gzip.compress(content), content):
        assert unpack(packed, len(content)) == content


@pytest.mark.skipif(shutil.which("gzip") is None, reason="gzip, which unpacks .Z, is absent")
@pytest.mark.parametrize("content", [SCAN, SMOOTH, b"ab"])
def test_gzip_unpacks_what_is_packed_here(content: bytes) -> None:
    out = subprocess.run(["gzip", "-dc"], input=pack(content), capture_output=True, check=True)
    assert out.stdout == content


def test_bytes_that_another_program_packed() -> None:
    # "ababab" by UNIX compress with codes of up to 16 bits: a, b, ab, ab in 9 bits each.
    codes = [97, 98, 257, 257]
    bits = sum(code << (9 * n) for n, code in enumerate(codes))
    packed = b"\x1f\x9d\x90" + bits.to_bytes(5, "little")
    assert unpack(packed, 6) == b"ababab"


@pytest.mark.parametrize("make", [pack, gzip.compress])
def test_no_more_than_asked_for(make) -> None:
    content = bytes(3_000_000)
    assert unpack(make(content), 3_000_000) == content
    with pytest.raises(FileError, match="more than 2999999 bytes"):
        unpack(make(content), 2_999_999)


def test_a_limit_beyond_all_memory_is_none() -> None:
    assert unpack(gzip.compress(b"abc"), 10**30) == b"abc"
    assert unpack(pack(b"abc"), 10**30) == b"abc"


def test_damage_is_an_error() -> None:
    packed = gzip.compress(SCAN)
    with pytest.raises(FileError, match="truncated"):
        unpack(packed[:-1], len(SCAN))
    with pytest.raises(FileError, match="damaged"):
        unpack(packed[:-8] + bytes(8), len(SCAN))
    with pytest.raises(FileError, match="damaged"):
        unpack(b"\x1f\x9d\xff" + pack(SCAN)[3:], len(SCAN))
