"""What a command says of a volume that it wrote and of which a part was not measured."""

from __future__ import annotations

from pathlib import Path

from mrtoct.cli.terminal import say
from mrtoct.io.files import VOLUME_ENDINGS, ending
from mrtoct.io.measured import measured_file
from mrtoct.volume import Volume, outside
from mrtoct.volume.picture import share


def say_unmeasured(path: Path, volume: Volume) -> None:
    """Say how much of a volume was not measured, if not all was, and which file says where."""
    if volume.measured is None:
        return
    held = f"{outside(volume.unit):g}{' HU' if volume.unit == 'HU' else ''}"
    told = (
        f"note: {path}: {share(volume.unmeasured)} of its voxels were not measured and hold {held}"
    )
    if path.name.lower().endswith(VOLUME_ENDINGS):
        told += f"; {measured_file(path, ending(path)).name} says which"
    say(told)
