"""mrtoct info: what a file or folder is, in a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from mrtoct.check.signal import check_modality
from mrtoct.check.values import find_peaks
from mrtoct.cli.options import model_names
from mrtoct.cli.series import described
from mrtoct.cli.translation import model_facts
from mrtoct.errors import FileError
from mrtoct.io.dicom import list_series
from mrtoct.io.files import read_volume
from mrtoct.io.json_text import json_text
from mrtoct.io.records import BUNDLE, MANIFEST, PLAN, RUN, read_record
from mrtoct.io.rire.image import is_modality_folder
from mrtoct.io.transforms import ENDINGS as TRANSFORM_ENDINGS
from mrtoct.io.transforms import read_transform
from mrtoct.prepare.store import read_manifest
from mrtoct.study.folder import StudyRecord
from mrtoct.training.curves import read_curves
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.run import read_run
from mrtoct.translation.bundle import read_bundle
from mrtoct.translation.pretrained.shipped import find_bundle, known_names
from mrtoct.volume import Volume
from mrtoct.volume.picture import summary
from mrtoct.wording import counted

MOST_LABELS = 100
"""Different values that a label map holds at most; an MR of 8 bits has up to 256."""

Facts = dict[str, str]


def info(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            autocompletion=model_names,
            help="A volume, transform or recipe; a folder of DICOM files; a bundle or a model's "
            "name; a store, run or study.",
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Describe a file or folder.

    For a volume: grid, values and probable kind; for a model: training data and intended use; for a
    store, run or study: contents and progress. Nothing about a patient is shown.
    """
    facts = facts_of(what)
    if json:
        typer.echo(json_text(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        first, *further = value.splitlines() or [""]
        typer.echo(f"{name:<{width}}  {first}")
        for line in further:
            typer.echo(f"{'':<{width}}  {line}")


def facts_of(what: str) -> Facts:
    """Return what is known of a path or a shipped model's name; its "kind" comes first."""
    path = Path(what)
    if what in known_names():
        return _of_bundle(find_bundle(what), what)
    if not path.exists():
        raise FileError(
            f"{path} does not exist, and there is no shipped or fetched model of that name"
        )
    if path.is_dir():
        for file, describe in _FOLDERS.items():
            if (path / file).is_file():
                return describe(path)
        if not is_modality_folder(path):
            return _of_dicom(path)
    if path.suffix.lower() == ".toml":
        return _of_recipe(path)
    if path.suffix.lower() in TRANSFORM_ENDINGS:
        return _of_transform(path)
    return _of_volume(path)


def _of_volume(path: Path) -> Facts:
    volume = read_volume(path, "a.u.")
    facts = summary(volume)
    del facts["unit"]  # files do not say it
    size = path.stat().st_size if path.is_file() else 0
    return {
        "kind": "volume",
        **facts,
        "looks like": _looks_like(volume),
        **({"file": f"{size / 1e6:.1f} MB"} if size else {}),
    }


def _looks_like(volume: Volume) -> str:
    """Say of which kind the values are; a guess, for files do not say it."""
    whole = volume.voxels.dtype.kind in "bui" or np.array_equal(
        volume.voxels, np.rint(volume.voxels)
    )
    if whole and volume.voxels.min() >= 0:
        values = np.unique(volume.voxels)
        if values.size == 1:
            return f"empty: every voxel is {values[0]:g}"
        if values.size <= MOST_LABELS:
            return f"a mask or label map of {values.size} values"
    if check_modality(volume, find_peaks(volume.voxels), "MR"):
        return "a CT in HU"
    return "an MR, or another signal in arbitrary units"


def _of_dicom(path: Path) -> Facts:
    found = list_series(path)
    if not found:
        raise FileError(
            f"{path} is not recognised: it is not a bundle, store, run or study, and holds no CT, "
            "MR or PET images in DICOM"
        )
    return {"kind": "DICOM files", "series": "\n".join(described(series) for series in found)}


def _of_transform(path: Path) -> Facts:
    matrix = read_transform(path)
    angle = np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1)))
    shift = ", ".join(f"{s:.1f}" for s in matrix[:3, 3])
    return {
        "kind": "transform of points (RAS, mm)",
        "rotation": f"{angle:.1f} degrees",
        "shift": f"{shift} mm to the right, anterior and superior, at the world's origin",
        "matrix": "\n".join(" ".join(f"{v:10.4f}" for v in row) for row in matrix[:3]),
    }


def _of_recipe(path: Path) -> Facts:
    recipe = load_recipe(path)
    return {
        "kind": "recipe",
        "name": recipe.name,
        "description": recipe.description,
        "network": recipe.model.kind,
        "loss": ", ".join(f"{term.weight:g} {term.term}" for term in recipe.loss)
        if recipe.unpaired is None
        else "without pairs: a discriminator, the MR's structure, the CTs' histogram",
    }


def _of_bundle(path: Path, name: str = "") -> Facts:
    bundle, network = read_bundle(path)
    weights = sum(p.numel() for p in network.parameters())
    figures = ", ".join(f"{key} {value:.4g}" for key, value in bundle.validation.items())
    return {
        "kind": "bundle: a trained model",
        **{_lowered(key): value for key, value in model_facts(bundle, name or path.name).items()},
        "network": f"{bundle.model.kind}, {weights / 1e6:.1f} million weights",
        "validation": figures or "not stated",
        "uncertainty estimate": "yes" if bundle.deviation else "no",
        "input guard": "yes" if bundle.seen else "no",
        "intended use": str(bundle.provenance.get("intended_use", "not stated")),
    }


def _lowered(key: str) -> str:
    """Return a key as the other facts are written; abbreviations stay."""
    return key if key[:2].isupper() else key[:1].lower() + key[1:]


def _of_store(path: Path) -> Facts:
    manifest = read_manifest(path)
    failed = [f"{name}: {reason}" for name, reason in manifest.failed.items()]
    doubtful = [f"{name}: {reason}" for name, reason in manifest.distrusted.items()]
    spacing = manifest.settings.get("spacing", [])
    return {
        "kind": "store of prepared pairs",
        "subjects": f"{len(manifest.subjects)}: {', '.join(manifest.subjects)}",
        "MR channels": ", ".join(manifest.channels),
        "voxel": " x ".join(f"{s:g}" for s in spacing) + " mm",
        "doubtful": "\n".join(doubtful) or "none",
        "failed": "\n".join(failed) or "none",
    }


def _of_run(path: Path) -> Facts:
    record = read_run(path)
    points = read_curves(path)
    split = record.split
    best = [p.validation_mae for p in points if p.validation_mae is not None]
    done = record.finished
    return {
        "kind": "run: a training",
        "recipe": f"{record.recipe.name}: {record.recipe.description}",
        "store": str(record.store),
        "subjects": f"{len(split.train)} for training, {len(split.validation)} for validation, "
        f"{len(split.test)} for testing",
        "started": f"{record.started} by mrtoct {record.mrtoct}, torch {record.torch}",
        "state": f"finished after {counted(done.step, 'step')}, {done.seconds / 60:.0f} minutes on "
        f"{done.device}"
        if done
        else f"not finished; last recorded step {points[-1].step if points else 0}: continue with "
        "mrtoct train --resume",
        "best validation": f"{min(best):.1f} HU" if best else "none",
    }


def _of_study(path: Path) -> Facts:
    record = read_record(path, StudyRecord)
    return {
        "kind": "study of the paper's experiments",
        "store": str(record.store),
        "device": record.device,
        "trainings begun": ", ".join(record.runs) or "none",
    }


_FOLDERS = {BUNDLE: _of_bundle, MANIFEST: _of_store, RUN: _of_run, PLAN: _of_study}
