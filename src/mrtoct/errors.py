"""What a user, or a user's file, did wrong: one sentence each, shown without a traceback.

Library code raises these; the command line prints the message and exits with status 1. A message
names what was received, what is allowed and, where there is one, the file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Self

MOST_LETTERS = 3000
"""Of a message: what a file holds in the place of a word may be endless."""
UNSHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what breaks lines, turns the direction of writing, or is half a letter.
"""


class MrtoctError(Exception):
    """Base of every error that the person running mrtoct can do something about.

    Keywords name switches that would help, each with what for, as the function that was called
    names them: FileError("ct.nii exists already", overwrite="to replace it"). A message does not
    know whether it is read in Python or in a terminal, so neither is spelt in it.
    """

    def __init__(self, message: str, **ways_out: str) -> None:
        self.message = _on_one_line(message)
        super().__init__(self.message)
        self.ways_out = ways_out

    def __str__(self) -> str:
        return self.sentence(lambda switch: f"{switch}=True")

    def sentence(self, spelt: Callable[[str], str | None]) -> str:
        """Return the message with the ways out, each switch as spelt says; those without are not
        there.
        """
        named = ((spelt(switch), purpose) for switch, purpose in self.ways_out.items())
        ways = [f"{word} {purpose}" for word, purpose in named if word]
        return f"{self.message}; pass {' or '.join(ways)}" if ways else self.message

    def about(self, subject: object) -> Self:
        """Return the same error with a file's or subject's name before its message."""
        return type(self)(f"{subject}: {self.message}", **self.ways_out)


def _on_one_line(message: str) -> str:
    """Return a message that any terminal can show: what a damaged file says is in some of them.

    Control characters, such as those that colour a terminal or turn the direction of writing, are
    spelt out, and the middle of an endless message is left out.
    """
    message = _shortened(message)
    if message.isprintable():
        return message
    return _shortened(
        "".join(ascii(c)[1:-1] if unicodedata.category(c) in UNSHOWN else c for c in message)
    )


def _shortened(message: str) -> str:
    if len(message) <= MOST_LETTERS:
        return message
    return f"{message[: MOST_LETTERS - 1000]} [...] {message[-900:]}"


class FileError(MrtoctError):
    """A file is missing, unreadable, damaged, of an unknown kind, or already there."""


class GeometryError(MrtoctError):
    """A grid, spacing, orientation or overlap that cannot be right."""


class ValueRangeError(MrtoctError):
    """Voxels or parameters outside what they can mean (NaN, constant volume, wrong unit)."""


class RecipeError(MrtoctError):
    """A recipe with an unknown key or an impossible value."""


class BundleError(MrtoctError):
    """A trained translator on disk that is incomplete or damaged."""


class RegistrationError(MrtoctError):
    """Two volumes that cannot be brought together."""


class CohortError(MrtoctError):
    """A cohort, store or split that cannot be used as asked."""
