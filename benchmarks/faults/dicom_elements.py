"""Damage DICOM element by element, without a parser that could refuse."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from .mutations import NUMBERS, RAW, TEXTS, packed_number, some_of

LONG = (b"OB", b"OW", b"OF", b"OD", b"SQ", b"UN", b"UT", b"UC", b"UR")
"""Value representations whose length takes four bytes."""
REPRESENTATIONS = (b"DS", b"IS", b"US", b"SS", b"UL", b"FD", b"CS", b"LO", b"UI", b"SQ", b"UN",
                   b"OW", b"OB", b"AT", b"PN", b"DA", b"TM", b"ZZ", b"\0\0")  # fmt: skip
LENGTHS = (0, 1, 2, 3, 7, 0xFFFF, 0xFFFE, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF)
PREAMBLE = 132


@dataclass(frozen=True)
class Element:
    """One element of an explicit little-endian file, by its offsets."""

    start: int
    value: int
    stop: int
    tag: bytes
    vr: bytes


def elements(content: bytes) -> Iterator[Element]:
    at = PREAMBLE
    while at + 8 <= len(content):
        tag, vr = content[at : at + 4], content[at + 4 : at + 6]
        if not vr.isalpha():
            return
        wide = vr in LONG
        value = at + (12 if wide else 8)
        if value > len(content):
            return
        length = struct.unpack_from("<I", content, at + 8)[0] if wide else None
        length = struct.unpack_from("<H", content, at + 6)[0] if length is None else length
        if value + length > len(content):
            return
        yield Element(at, value, value + length, tag, vr)
        at = value + length


def element(random: Random, content: bytes) -> bytes:
    """Drop, repeat, move or change an element."""
    found = list(elements(content))
    if not found:
        return some_of(random, RAW, content)
    e, other = random.choice(found), random.choice(found)
    before, after = content[: e.start], content[e.stop :]
    whole, value = content[e.start : e.stop], content[e.value : e.stop]
    kind = random.randrange(9)
    if kind == 0:
        return before + after
    if kind == 1:
        return before + whole * 2 + after
    if kind == 2:
        return content[: other.start] + whole + content[other.start :]
    if kind == 3:
        return before + _coded(e.tag, random.choice(REPRESENTATIONS), value) + after
    if kind == 4:
        head = bytearray(content[e.start : e.value])
        length = random.choice(LENGTHS)
        struct.pack_into("<H" if len(head) == 8 else "<I", head, len(head) - 4 if len(head) == 12
                         else 6, length & (0xFFFF if len(head) == 8 else 0xFFFFFFFF))  # fmt: skip
        return before + bytes(head) + value + after
    if kind == 5:
        return before + _coded(other.tag, e.vr, value) + after
    if kind == 6:
        return before + _coded(e.tag, e.vr, content[other.value : other.stop]) + after
    if kind == 7 and e.vr in (b"US", b"SS", b"UL", b"FD", b"OW"):
        return before + _coded(e.tag, e.vr, packed_number(random)) + after
    words = value.split(b"\\")
    spot = random.randrange(len(words))
    words[spot] = random.choice(NUMBERS + TEXTS[:40]).encode()
    if random.random() < 0.2:
        words *= random.choice((2, 3))
    return before + _coded(e.tag, e.vr, b"\\".join(words)) + after


def _coded(tag: bytes, vr: bytes, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    if vr in LONG:
        return tag + vr + b"\0\0" + struct.pack("<I", len(value)) + value
    return tag + vr + struct.pack("<H", min(len(value), 0xFFFE)) + value[:0xFFFE]


DICOM = (element,) * 8 + RAW
