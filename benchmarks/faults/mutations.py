"""Ways to damage a file that need not know what it holds: its bytes, or its text."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]

NUMBERS = (
    "0", "-0", "-1", "1", "2", "3", "255", "65535", "65536", "-32768", "2147483647", "2147483648",
    "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808",
    "18446744073709551616", "1" + "0" * 400, "-" + "9" * 5000, "1e308", "-1e308", "1e309", "1e-320",
    "5e-324", "0.1", "-0.5", "nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e999", "0x10",
    "0b11", "0o17", "1_000", "1,5", "1.5.5", "1 000", "٣", "１２", "½", "1e", "e5", "+-1", "", " ",
    "TRUE", "null", "None", "%s", "{0}", "../../etc/passwd", "0" * 3000,
)  # fmt: skip
"""What a number in a text becomes."""
TEXTS = (
    "", " ", "\0", "\r", "\n", "\n\n", "\t", "\ufeff", "\u202e", "\ud7ff", "é", "😀", "\u0661", "ß",
    "\x1b[31m", "=", ":", ":=", ",", ";", "|", "\\", '"', "'", "[", "]]", "{", "}", "#", "%", "/",
    "..", "~", "$HOME", "a" * 300, "x" * 70_000, "<script>", "-" * 80, "NaN", "CON", "*", "?",
)  # fmt: skip
"""What is put between or in the place of words."""
BYTES = (0x00, 0x01, 0x0A, 0x20, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)
INTEGERS = (0, 1, -1, 2, 7, 127, -128, 255, 256, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**32,
            2**63 - 1, -(2**63))  # fmt: skip
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e-30, 1e30, 3.4e38, float("nan"), float("inf"),
          float("-inf"))  # fmt: skip


def packed_number(random: Random) -> bytes:
    """Return an extreme number as some binary type has it, of either byte order."""
    order = random.choice("<>")
    if random.random() < 0.4:
        return struct.pack(order + random.choice("fd"), random.choice(FLOATS))
    size = random.choice((1, 2, 4, 8))
    value = random.choice(INTEGERS) % (1 << (8 * size))
    return value.to_bytes(size, "little" if order == "<" else "big")


def _somewhere(random: Random, content: bytes) -> int:
    """Return an offset: near the beginning, where headers are, in half of the cases."""
    n = len(content)
    return random.randrange(min(n, 400) if random.random() < 0.5 else n) if n else 0


def _over(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def flip_bits(random: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 8)) if changed else 0):
        changed[_somewhere(random, content)] ^= 1 << random.randrange(8)
    return bytes(changed)


def overwrite(random: Random, content: bytes) -> bytes:
    length = random.choice((1, 2, 4, 16))
    new = bytes([random.choice(BYTES)]) * length if random.random() < 0.6 else random.randbytes(8)
    return _over(content, _somewhere(random, content), new)


def extreme_number(random: Random, content: bytes) -> bytes:
    at = _somewhere(random, content)
    return _over(content, at - at % random.choice((1, 2, 4)), packed_number(random))


def truncate(random: Random, content: bytes) -> bytes:
    return content[: _somewhere(random, content)]


def extend(random: Random, content: bytes) -> bytes:
    choices = (b"\0" * 512, content, random.randbytes(random.choice((1, 2, 100, 5000))), b"\n")
    return content + random.choice(choices)


def splice(random: Random, content: bytes) -> bytes:
    a, b = (_somewhere(random, content) for _ in range(2))
    length = random.choice((1, 4, 16, 100, 1000))
    at, chunk = b, content[a : a + length]
    if random.random() < 0.5:
        return _over(content, at, chunk)
    return content[:at] + chunk + content[at:]


def cut_out(random: Random, content: bytes) -> bytes:
    at = _somewhere(random, content)
    return content[:at] + content[at + random.choice((1, 2, 4, 30, 500)) :]


def swap_ends(random: Random, content: bytes) -> bytes:
    """Reverse the bytes of words, in a part or everywhere."""
    size = random.choice((2, 4, 8))
    start = _somewhere(random, content)
    start, stop = random.choice(((0, len(content)), (start, start + size), (start, start + 64)))
    words = (content[i : i + size][::-1] for i in range(start, min(stop, len(content)), size))
    swapped = b"".join(words)
    return content[:start] + swapped + content[start + len(swapped) :]


RAW: tuple[Mutation, ...] = (
    flip_bits, overwrite, extreme_number, truncate, extend, splice, cut_out, swap_ends
)  # fmt: skip


def number_in_text(random: Random, content: bytes) -> bytes:
    found = list(re.finditer(rb"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", content[:20_000]))
    if not found:
        return content
    hit = random.choice(found)
    return content[: hit.start()] + random.choice(NUMBERS).encode() + content[hit.end() :]


def word_in_text(random: Random, content: bytes) -> bytes:
    found = list(re.finditer(rb"\w+|\W", content[:20_000]))
    if not found:
        return content
    hit, other = random.choice(found), random.choice(found)
    new = other.group() if random.random() < 0.5 else random.choice(TEXTS).encode()
    end = hit.end() if random.random() < 0.7 else hit.start()
    return content[: hit.start()] + new + content[end:]


def lines_of_text(random: Random, content: bytes) -> bytes:
    """Delete, repeat, swap or shuffle lines, or change how they end."""
    lines = content.split(b"\n")
    a, b = random.randrange(len(lines)), random.randrange(len(lines))
    kind = random.randrange(6)
    if kind == 0:
        del lines[a]
    elif kind == 1:
        lines[b:b] = [lines[a]] * random.choice((1, 1, 2, 50))
    elif kind == 2:
        lines[a], lines[b] = lines[b], lines[a]
    elif kind == 3:
        random.shuffle(lines)
    elif kind == 4:
        return random.choice((b"\r\n", b"\r", b" ", b"\0\n", b"\n\n")).join(lines)
    else:
        lines[a] = lines[a] + random.choice(TEXTS).encode()
    return b"\n".join(lines)


def encoded_otherwise(random: Random, content: bytes) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(random.choice(("utf-16", "utf-8-sig", "utf-32", "cp037")), "replace")


TEXT: tuple[Mutation, ...] = (
    number_in_text, number_in_text, number_in_text, word_in_text, word_in_text, lines_of_text,
    lines_of_text, encoded_otherwise, flip_bits, overwrite, truncate, extend, splice, cut_out,
)  # fmt: skip


def some_of(random: Random, kinds: tuple[Mutation, ...], content: bytes) -> bytes:
    """Apply one mutation, seldom two or four."""
    for _ in range(random.choice((1, 1, 1, 1, 2, 4))):
        content = random.choice(kinds)(random, content)
    return content
