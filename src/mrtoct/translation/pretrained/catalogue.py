"""A list of models with their sums: SOURCE/models.json, in a folder or at an address.

Written by whoever offers models, such as a department on its share:

{"format": 1, "models": {"pelvis": {"address": "pelvis-2.tar.gz", "sha256": "...", "about": "..."}}}
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urljoin

from mrtoct.errors import FileError
from mrtoct.io.download import AbsentError
from mrtoct.io.records import Record, read_record
from mrtoct.translation.pretrained.address import parse_address
from mrtoct.translation.pretrained.fetch import PATIENCE, Source


@dataclass(frozen=True)
class Offer:
    """A model that is offered."""

    address: str
    """Of the archive or the folder; a relative one counts from the list's own folder."""
    sha256: str
    """Of the archive, or of the SHA256SUMS in the folder."""
    about: str = ""


@dataclass(frozen=True)
class Catalogue(Record):
    """What models.json says."""

    file: ClassVar[str] = "models.json"
    remedy: ClassVar[str] = "ask its author"

    format: Literal[1]
    models: dict[str, Offer]


def read_catalogue(source: str) -> dict[str, Offer]:
    """Return what a folder or an address offers, by name, with whole addresses.

    Raises FileError if there is no list, or it is damaged.
    """
    place = parse_address(source)
    with tempfile.TemporaryDirectory() as folder, Source(PATIENCE) as files:
        try:
            files.take(place.file(Catalogue.file), Path(folder) / Catalogue.file)
        except AbsentError as error:
            raise FileError(f"{source} holds no {Catalogue.file}, so it offers no model") from error
        try:
            catalogue = read_record(Path(folder), Catalogue)
        except FileError as error:
            raise FileError(error.message.replace(folder, source.rstrip("/"))) from error
    return {
        name: Offer(_from(place.base, offer.address), offer.sha256, offer.about)
        for name, offer in catalogue.models.items()
    }


def choose_offer(name: str, source: str) -> Offer:
    """Return what a source offers under a name; FileError with the nearest if it is not there."""
    offers = read_catalogue(source)
    if name not in offers:
        near = get_close_matches(name, offers, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        there = ", ".join(sorted(offers)) or "none"
        raise FileError(f"{source} offers no model {name!r}; it offers {there}{hint}")
    return offers[name]


def _from(base: str | Path, address: str) -> str:
    if isinstance(base, Path):
        return address if "://" in address else str(base / address)
    return urljoin(f"{base}/", address)
