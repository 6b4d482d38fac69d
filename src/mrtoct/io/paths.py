"""Paths as people write them."""

from __future__ import annotations

import os
import re

_HOME = re.compile(r"(?:^|(?<=[=,]))~[^/\\,=]*(?=[/\\,]|$)")


def expanded(text: str) -> str:
    """Return a text with ~ and ~NAME replaced by the home folder wherever a path may begin.

    A path begins a word of a command line, or follows = (--recipe=~/x.toml, T2=~/t2.nii.gz) or a
    list's comma; shells replace the first alone. A name that nobody has stays as it is.
    """
    return _HOME.sub(lambda found: os.path.expanduser(found[0]), text)  # noqa: PTH111
