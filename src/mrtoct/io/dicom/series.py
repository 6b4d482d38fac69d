"""One volume's worth of DICOM planes: what it is, where it lies, and what is doubtful about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mrtoct.errors import GeometryError
from mrtoct.io.dicom.geometry import Stack, normal_of, stack_planes
from mrtoct.io.dicom.headers import Frame
from mrtoct.wording import counted


@dataclass(frozen=True)
class Series:
    """The planes of one volume."""

    frames: tuple[Frame, ...]
    part: int
    """Which volume of the scanner's series, from 1."""
    parts: int
    """How many volumes that series holds."""
    apart: str = ""
    """How this part differs from the others, such as "echo time 98 ms"."""
    aside: str = ""
    """Why it is not taken unless it is named, such as "localizer"; empty for a usable one."""

    @property
    def uid(self) -> str:
        """Series Instance UID, shared by the parts of one series."""
        return self.frames[0].file.series

    @property
    def number(self) -> int | None:
        """Series Number; None where the scanner gave none."""
        return self.frames[0].file.number

    @property
    def name(self) -> str:
        """What names it on the command line: number, or number:part."""
        name = self.uid if self.number is None else str(self.number)
        return name if self.parts == 1 else f"{name}:{self.part}"

    @property
    def modality(self) -> str:
        """CT, MR or PT."""
        return self.frames[0].file.modality

    @property
    def description(self) -> str:
        """Series description, or the protocol's name where there is none."""
        return self.frames[0].file.description

    @property
    def patient_position(self) -> str:
        """How the patient lay, such as HFS; empty where it is not stated."""
        return self.frames[0].file.patient_position

    @property
    def files(self) -> list[Path]:
        """The files that hold its planes, sorted."""
        return sorted({frame.file.path for frame in self.frames})

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Between columns, between rows, between slices in mm."""
        rows, columns = self.frames[0].spacing
        slices = 0.0 if isinstance(self.stack, str) else self.stack.step
        return columns, rows, slices or self.frames[0].thickness or 0.0

    @cached_property
    def stack(self) -> Stack | str:
        """Where its planes lie, or why they are no stack."""
        try:
            return stack_planes([f.position for f in self.frames], self.frames[0].orientation)
        except GeometryError as error:
            return str(error)

    @property
    def slices(self) -> int:
        """How many planes lie at different places."""
        return len(self.frames) if isinstance(self.stack, str) else len(self.stack.places)

    @property
    def orientation(self) -> str:
        """transverse, coronal or sagittal, and by how many degrees it is oblique."""
        normal = np.abs(normal_of(self.frames[0].orientation))
        name = ("sagittal", "coronal", "transverse")[int(np.argmax(normal))]
        angle = float(np.degrees(np.arccos(min(normal.max(), 1.0))))
        return name if angle < 0.05 else f"{name}, oblique {angle:.1f}°"

    @property
    def contrast(self) -> dict[str, str]:
        """What hints at the contrast: repetition and echo time, tube voltage, kernel, ..."""
        first = self.frames[0].measured
        shown = (
            "repetition time", "echo time", "inversion time", "flip angle", "b-value", "sequence",
            "acquired", "field strength", "contrast agent", "tube voltage", "kernel",
        )  # fmt: skip
        return {name: first[name] for name in shown if first.get(name, "") not in ("", "0 ms")}

    @property
    def doubts(self) -> list[str]:
        """What a person should know before using it."""
        return [self.aside] * bool(self.aside) + list(_doubts(self))

    def __str__(self) -> str:
        apart = f" ({self.apart})" if self.apart else ""
        description = f" {self.description!r}" if self.description else ""
        return f"{self.name} {self.modality}{description}{apart}, {counted(self.slices, 'slice')}"


def frame_name(frame: Frame) -> str:
    """Return a file's name, and which frame where it holds several."""
    name = frame.file.path.name
    return f"{name} frame {frame.index + 1}" if frame.file.frames > 1 else name


def _doubts(series: Series) -> Iterator[str]:
    first, stack = series.frames[0], series.stack
    if not series.patient_position:
        yield "no patient position"
    if not first.file.frame_of_reference:
        yield "no frame of reference"
    if any(frame.file.lossy for frame in series.frames):
        yield "lossy compression"
    if isinstance(stack, str):
        yield stack
        return
    if fault := stack.fault([frame_name(f) for f in series.frames]):
        yield fault
    if copies := len(series.frames) - len(stack.places):
        yield f"{copies} of its slices are at the position of another one"
    if stack.tilt > 0.05:
        yield f"slices are sheared by {stack.tilt:.1f}°, as by a tilted gantry"
    if first.thickness and stack.step and first.thickness < 0.9 * stack.step:
        yield f"slices of {first.thickness:g} mm are {stack.step:.4g} mm apart"
