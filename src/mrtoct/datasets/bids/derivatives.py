"""Data sets of derivatives: where what was made of a raw file lies, and what its JSON says.

The specification (1.11) has no suffix for a CT, so a .bidsignore tells validators of these files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrtoct._version import __version__
from mrtoct.datasets.bids.names import DESCRIPTION, BidsFile, parsed
from mrtoct.errors import FileError
from mrtoct.io.atomic import write_text
from mrtoct.io.files import sidecar

BIDS_VERSION = "1.11.1"
RAW = "raw"
"""What URIs call the data set that derivatives are of."""

SCT, DEVIATION = "desc-sct_ct", "desc-sct_deviation"
"""What takes the place of a raw file's suffix. The deviation is no CT, and nobody who looks for
*_ct.nii.gz should find it."""

IGNORE = ".bidsignore"
IGNORED = "*_ct.nii.gz\n*_ct.json\n*_deviation.nii.gz\n*_deviation.json\n*.html\n"


@dataclass(frozen=True)
class Model:
    """What made the synthetic CTs of a data set."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}" if self.version else self.name

    def to_json(self) -> dict[str, str]:
        """Return name and, where there is one, version."""
        return {"Name": self.name} | ({"Version": self.version} if self.version else {})


def derived_path(raw: Path, dataset: Path, out: Path, what: str) -> Path:
    """Return where what (SCT or DEVIATION) of a raw file lies in a data set of derivatives."""
    place = out / raw.parent.relative_to(dataset)
    return place / f"{_file(raw).source_entities}_{what}.nii.gz"


def source_uri(raw: Path, dataset: Path) -> str:
    """Return the BIDS URI of a raw file."""
    return f"bids:{RAW}:{raw.relative_to(dataset).as_posix()}"


def write_sidecar(
    volume: Path, sources: Sequence[str], facts: Mapping[str, Any], *, overwrite: bool
) -> None:
    """Write the JSON of a volume in HU that was made of sources (URIs), on the first one's grid."""
    before = _read_json(sidecar(volume))  # the calibration of its HU, if it was known
    said = {
        **before,
        "Sources": list(sources),
        "SpatialReference": sources[0],
        "Units": "HU",
        "SkullStripped": False,
        **facts,
    }
    own = "Sources" in before
    _write_json(sidecar(volume), said, overwrite=overwrite or not own)


def sources_of(volume: Path) -> list[str]:
    """Return what a volume's JSON says it was made of; nothing where it says nothing."""
    said = _read_json(sidecar(volume)).get("Sources", [])
    return [str(source) for source in said] if isinstance(said, list) else []


def begin_dataset(out: Path, dataset: Path, model: Model, *, overwrite: bool) -> None:
    """Write the description of a data set of derivatives, or check that it is the one wanted.

    Raises FileError where out is another data set, or holds another model's and overwrite is false.
    """
    description = out / DESCRIPTION
    made_by = {
        "Name": "mrtoct",
        "Version": __version__,
        "Description": f"Synthetic CT by the model {model}",
        "Model": model.to_json(),
    }
    if description.is_file():
        said = _read_json(description).get("GeneratedBy")
        before = said[0] if isinstance(said, list) and said and isinstance(said[0], dict) else {}
        if before.get("Name") != "mrtoct":
            raise FileError(f"{out} is a data set that mrtoct did not make; name another folder")
        if before.get("Model") == made_by["Model"]:
            return
        if not overwrite:
            raise FileError(
                f"{out} holds synthetic CTs by another model ({before.get('Description')}); name "
                "another folder",
                overwrite="to replace them",
            )
    raw = _read_json(dataset / DESCRIPTION)
    where = _link(dataset, out)
    source = {"URL": where} | ({"DOI": raw["DatasetDOI"]} if "DatasetDOI" in raw else {})
    _write_json(
        description,
        {
            "Name": f"Synthetic CTs of {raw.get('Name') or dataset.resolve().name}",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [made_by],
            "SourceDatasets": [source],
            "DatasetLinks": {RAW: where},
        },
        overwrite=True,
    )
    if not (out / IGNORE).exists():
        write_text(out / IGNORE, IGNORED)


def _link(dataset: Path, out: Path) -> str:
    """Return where the raw data are, seen from out: it holds as long as both move together."""
    try:
        return Path(os.path.relpath(dataset.resolve(), out.resolve())).as_posix()
    except ValueError:  # on another drive of Windows
        return dataset.resolve().as_uri()


def _file(path: Path) -> BidsFile:
    file = parsed(path)
    if file is None:
        raise FileError(f"{path} is not a BIDS file name")
    return file


def _read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file says; nothing where it is not there or no JSON object."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _write_json(path: Path, said: Mapping[str, Any], *, overwrite: bool) -> None:
    write_text(path, json.dumps(said, indent=2) + "\n", overwrite=overwrite)
