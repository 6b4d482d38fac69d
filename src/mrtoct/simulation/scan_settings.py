"""Which flaws the scans of a simulation have, how often and how large."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScanSettings:
    """Shares of scans with a flaw, and how large it may be."""

    thick: float = 0.6
    """Of scans with slices of more than 1 mm."""
    thickness: tuple[float, float] = (1.5, 7.0)
    """mm"""
    bias: float = 0.85
    bias_ratio: float = 5.0
    """Brightest to darkest, at most."""
    noise: float = 0.08
    """Standard deviation, at most, the brightest tissue being 1."""
    fat_shift: float = 0.25
    ghost: float = 0.12
    wrap: float = 0.04
    ringing: float = 0.15
    dropout: float = 0.15
    masked: float = 0.75
    """The background is 0, as a translator shows heads to its network."""
    faceless: float = 0.06
    cut: float = 0.15
    export: float = 0.2
    """Written with 8 bits, the brightest voxels clipped."""
    fat_saturation: float = 0.15
    flow: float = 0.0
    """Copies of pulsing vessels along the phase direction."""
    hair: float = 0.0
    headphones: float = 0.0
    frame: float = 0.0
    """Of a stereotactic or fixation device around the head."""
