"""Synthetic CT in Hounsfield units from head MRI."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrtoct.evaluation.evaluate import evaluate
    from mrtoct.io.files import read_volume, write_volume
    from mrtoct.prepare.cohort import prepare_cohort
    from mrtoct.training.recipe_file import load_recipe
    from mrtoct.training.train import train
    from mrtoct.translate import Translator
    from mrtoct.volume import Grid, Volume

__version__: str

# Looked up when first used: `import mrtoct` must not wait for torch, nor --help for metadata.
_HOME = {
    "Grid": "mrtoct.volume",
    "Translator": "mrtoct.translate",
    "Volume": "mrtoct.volume",
    "evaluate": "mrtoct.evaluation.evaluate",
    "load_recipe": "mrtoct.training.recipe_file",
    "prepare_cohort": "mrtoct.prepare.cohort",
    "read_volume": "mrtoct.io.files",
    "train": "mrtoct.training.train",
    "write_volume": "mrtoct.io.files",
}

__all__ = [
    "Grid",
    "Translator",
    "Volume",
    "__version__",
    "evaluate",
    "load_recipe",
    "prepare_cohort",
    "read_volume",
    "train",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("mrtoct")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'mrtoct' has no attribute {name!r}")
