"""The effects of a simulation by name, so that each can be looked at on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType

from mrtoct.errors import ValueRangeError
from mrtoct.simulation.anatomy import AnatomySettings
from mrtoct.simulation.bone import BoneSettings
from mrtoct.simulation.brain import BrainSettings
from mrtoct.simulation.cavities import CavitySettings
from mrtoct.simulation.scan_settings import ScanSettings
from mrtoct.simulation.warp import WarpSettings

ALL, PLAIN, SHAPE, NOISE = "all", "plain", "shape", "noise"

EFFECTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SHAPE: (),
        "sinuses-grow": ("cavities.grow",),
        "sinuses-absent": ("cavities.absent",),
        "mucosa": ("cavities.line",),
        "secretion": ("cavities.fill",),
        "septa": ("cavities.septa",),
        "nose": ("cavities.nose",),
        "mastoid": ("cavities.mastoid",),
        "ear-canals": ("cavities.ear_canals",),
        "thicker-skull": ("bone.thicker",),
        "thinner-skull": ("bone.thinner",),
        "craniotomy": ("bone.surgery",),
        "teeth": ("bone.teeth",),
        "fillings": ("bone.teeth", "bone.metal"),
        "atrophy": ("brain.atrophy",),
        "lesions": ("brain.lesions",),
        "redrawn-brain": ("scan.redrawn",),
        "fat-saturation": ("scan.fat_saturation",),
        "hair": ("scan.hair",),
        "headphones": ("scan.headphones",),
        "frame": ("scan.frame",),
        "dropout": ("scan.dropout",),
        "fat-shift": ("scan.fat_shift",),
        "flow": ("scan.flow",),
        "slices": ("scan.thick",),
        "wrap": ("scan.wrap",),
        "ghost": ("scan.ghost",),
        "ringing": ("scan.ringing",),
        "bias": ("scan.bias",),
        NOISE: (),
        "faceless": ("scan.faceless",),
        "cut": ("scan.cut",),
        "export": ("scan.export",),
    }
)
"""Name to the shares of heads or scans that have the effect; shape and noise have sizes instead."""

SELDOM = 0.1
"""Share, with all effects, of those that a training has by default not at all."""


def chosen_effects(wanted: str) -> tuple[AnatomySettings, ScanSettings]:
    """Return the settings for "all", "plain", or names with commas between them.

    all: every effect in its default share, 10 % where that is 0; plain: none; names: these in every
    head and no other. Raises ValueRangeError for a name that is not known.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if names == [ALL]:
        shares = _defaults()
        return _settings({key: share or SELDOM for key, share in shares.items()}, [*EFFECTS])
    if names == [PLAIN]:
        names = []
    elif not names:
        raise ValueRangeError(f"no effect is given; choose some of {', '.join(EFFECTS)}")
    for name in names:
        if name not in EFFECTS:
            near = get_close_matches(name, EFFECTS, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueRangeError(
                f"{name!r} is not an effect; {hint}there are {ALL}, {PLAIN}, {', '.join(EFFECTS)}"
            )
    shares = dict.fromkeys(_defaults(), 0.0)
    return _settings(shares | {key: 1.0 for name in names for key in EFFECTS[name]}, names)


def _defaults() -> dict[str, float]:
    sections = {"scan": ScanSettings(), "cavities": CavitySettings()}
    sections |= {"bone": BoneSettings(), "brain": BrainSettings()}
    shares = {}
    for key in {key for keys in EFFECTS.values() for key in keys}:
        section, _, field = key.partition(".")
        shares[key] = float(getattr(sections[section], field))
    return shares


def _settings(
    shares: Mapping[str, float], names: Sequence[str]
) -> tuple[AnatomySettings, ScanSettings]:
    def of(section: str) -> dict[str, float]:
        inside = (key.partition(".") for key in shares if key.startswith(f"{section}."))
        return {field: shares[f"{section}.{field}"] for _, _, field in inside}

    still = WarpSettings(rotation=0.0, scale=0.0, bends=(), mirror=0.0)
    anatomy = AnatomySettings(
        warp=WarpSettings() if SHAPE in names else still,
        cavities=replace(CavitySettings(), **of("cavities")),
        bone=replace(BoneSettings(), **of("bone")),
        brain=replace(BrainSettings(), **of("brain")),
    )
    scan = replace(ScanSettings(), **of("scan"))  # type: ignore[arg-type]
    return anatomy, scan if NOISE in names else replace(scan, noise=0.0)
