"""Which flaws the scans of a simulation have, how often and how large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from mrtoct.simulation.bounds import Share

Millimetres = Annotated[float, Field(ge=1, le=50)]


@dataclass(frozen=True)
class ScanSettings:
    """Shares of scans with a flaw, and how large it may be."""

    thick: Share = 0.6
    """Of scans with slices of more than 1 mm."""
    thickness: tuple[Millimetres, Millimetres] = (1.5, 7.0)
    """mm"""
    bias: Share = 0.85
    bias_ratio: Annotated[float, Field(ge=1, le=100)] = 5.0
    """Brightest to darkest, at most."""
    noise: Annotated[float, Field(ge=0, le=1)] = 0.08
    """Standard deviation, at most, the brightest tissue being 1."""
    fat_shift: Share = 0.25
    ghost: Share = 0.12
    wrap: Share = 0.04
    ringing: Share = 0.15
    dropout: Share = 0.15
    masked: Share = 0.75
    """The background is 0, as a translator shows heads to its network."""
    faceless: Share = 0.06
    cut: Share = 0.15
    export: Share = 0.2
    """Written with 8 bits, the brightest voxels clipped."""
    fat_saturation: Share = 0.15
    flow: Share = 0.0
    """Copies of pulsing vessels along the phase direction."""
    hair: Share = 0.0
    headphones: Share = 0.0
    frame: Share = 0.0
    """Of a stereotactic or fixation device around the head."""
    redrawn: Share = 0.0
    """Of scans in which the brain is a pattern: only the skull tells what lies within it."""
