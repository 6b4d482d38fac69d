"""What an address of a model means: an archive, or a folder of the bundle's files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from mrtoct.errors import FileError
from mrtoct.translation.pretrained.place import NAME

ARCHIVES = (".tar.gz", ".tgz")
HUB = "huggingface.co"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Address:
    """Where a model can be had."""

    given: str
    """As the user wrote it."""
    base: str | Path
    """Address or path of the archive, or of the folder that the bundle's files lie in."""
    packed: bool
    name: str
    """What the model would be called."""

    def file(self, name: str) -> str | Path:
        """Return where one of the bundle's files is, if this is a folder of them."""
        return self.base / name if isinstance(self.base, Path) else f"{self.base}/{name}"


def parse_address(given: str) -> Address:
    """Return what an address means; FileError for what is none.

    https://..., file:///... and paths, each of an archive (.tar.gz, .tgz) or of a folder that holds
    bundle.json; https://huggingface.co/OWNER/REPOSITORY is the folder of a repository's files.
    http, which anybody on the way can change, is taken from this very machine only.
    """
    parts = urlsplit(given)
    if len(parts.scheme) < 2 or not re.match(r"[a-z]+://", given):  # C:\models is a path, too
        return _local(given, Path(given).expanduser())
    if parts.scheme == "file":
        return _local(given, Path(url2pathname(unquote(parts.path))))
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise FileError(f"{given} is not encrypted, so it can be changed in transit; use https")
    if parts.scheme not in ("http", "https"):
        raise FileError(f"{given}: an address begins with https:// or file://")
    if parts.query or parts.fragment:
        raise FileError(f"{given}: an address with ? or # is not accepted; give the file itself")
    path = parts.path.rstrip("/")
    packed = path.lower().endswith(ARCHIVES)
    if parts.hostname == HUB and not packed:
        path = _in_repository(path, given)
    base = f"{parts.scheme}://{parts.netloc}{path}"
    name = path.split("/")[2] if parts.hostname == HUB and not packed else path.rpartition("/")[2]
    return Address(given, base, packed, _without_ending(unquote(name)))


def checked_name(name: str) -> str:
    """Return a name that a model may have; FileError for another."""
    if not NAME.fullmatch(name):
        raise FileError(
            f"{name!r} cannot be a model's name: letters, digits, dots, dashes and _, 64 at most",
            **{"name=NAME": "to give it another"},
        )
    return name


def _local(given: str, path: Path) -> Address:
    packed = path.name.lower().endswith(ARCHIVES)
    if not path.exists():
        raise FileError(
            f"{path} does not exist; a model is fetched from an address (https://...), an archive "
            "(.tar.gz) or a folder, or by its name in a list of models"
        )
    if not packed and not path.is_dir():
        raise FileError(f"{path} is neither a folder nor an archive ({', '.join(ARCHIVES)})")
    return Address(given, path, packed, _without_ending(path.resolve().name))


def _in_repository(path: str, given: str) -> str:
    """Return the path of a repository's raw files, however its address was copied.

    /OWNER/REPO, /OWNER/REPO/tree/REVISION[/FOLDER] and /OWNER/REPO/resolve/REVISION[/FOLDER].
    """
    found = re.fullmatch(r"/([^/]+)/([^/]+)(?:/(?:tree|resolve)/(.+))?", path)
    if not found:
        raise FileError(f"{given}: a repository's address is https://{HUB}/OWNER/REPOSITORY")
    owner, repository, revision = found.groups()
    return f"/{owner}/{repository}/resolve/{revision or 'main'}"


def _without_ending(name: str) -> str:
    ending = next((e for e in ARCHIVES if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)]
