"""Everything a simulation of transcranial ultrasound takes from a CT, in one folder.

k-Plan and BabelBrain take the HU (pseudoCT) and map it themselves; PRESTUS looks for pseudoCT by
this name, and names its own maps density, sound_speed and alpha_coeff; k-Wave takes the maps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mrtoct._version import __version__
from mrtoct.errors import ValueRangeError
from mrtoct.io.atomic import new_folder
from mrtoct.io.files import as_int16, write_volume
from mrtoct.io.json_text import json_text
from mrtoct.properties.convert import beyond
from mrtoct.properties.curve import Curve
from mrtoct.properties.curves.density import K_PLAN, K_WAVE
from mrtoct.properties.curves.find import CURVES
from mrtoct.properties.curves.sound import MARSAC_DENSITY, MCDANNOLD_DENSITY, YAAKUB_DENSITY
from mrtoct.properties.hu import require_hu
from mrtoct.properties.skull import BONE_HU, Thickness, thickness_to
from mrtoct.properties.sound import SOFT_TISSUE, WATER, Places, filled, require_frequency
from mrtoct.volume import Volume

AIR_HU = -1000
"""Outside the head: k-Plan fills what it adds around a volume with the volume's lowest value."""


@dataclass(frozen=True)
class Mapping:
    """Curves that are used together."""

    density: Curve
    speed: Curve
    attenuation: Curve
    """dB/cm at 1 MHz, with its power."""


def _mapping(name: str, density: Curve, attenuation: str | None = None) -> Mapping:
    attenuations = CURVES["attenuation"]
    return Mapping(density, CURVES["sound-speed"][name], attenuations[attenuation or name])


MAPPINGS = MappingProxyType(
    {
        "k-plan": _mapping("k-plan", K_PLAN),
        "k-wave": _mapping("k-wave", K_WAVE),
        # PRESTUS gives it k-Plan's attenuation; Webb's work has no density.
        "marsac-2017": _mapping("marsac-2017", MARSAC_DENSITY, "k-plan"),
        "yaakub-2023": _mapping("yaakub-2023", YAAKUB_DENSITY),
        "webb-ge-120kvp": _mapping("webb-ge-120kvp", K_PLAN),
        "mcdannold-2020": _mapping("mcdannold-2020", MCDANNOLD_DENSITY),
    }
)


@dataclass(frozen=True, eq=False)
class Ultrasound:
    """The maps for one frequency, all on the CT's grid."""

    pseudo_ct: Volume
    """HU, int16, -1000 at the lowest."""
    skull: Volume
    density: Volume
    speed: Volume
    alpha: Volume
    """dB/(MHz^y cm): times the frequency to the power y it is the attenuation in dB/cm."""
    facts: dict[str, Any] = field(default_factory=dict)


def find_mapping(name: str) -> Mapping:
    """Return a mapping by name, or raise ValueRangeError that names them all."""
    if name not in MAPPINGS:
        raise ValueRangeError(f"no mapping {name!r}; allowed: {', '.join(MAPPINGS)}")
    return MAPPINGS[name]


def ultrasound_maps(sct: Volume, frequency_mhz: float, mapping: Mapping) -> Ultrasound:
    """Return skull, density, speed and attenuation of a synthetic CT (HU) at a frequency.

    Raises ValueRangeError for what is no CT in HU, has no bone, or no frequency of ultrasound.
    """
    mhz = require_frequency(frequency_mhz)
    require_hu(sct)
    places = Places.find(sct)
    density = mapping.density.at_least(WATER.density)
    speed = mapping.speed.at_least(WATER.speed)
    # A simulation has one power for all media: each gets what is right at this frequency.
    power = mapping.attenuation.power
    soft, water = (m.attenuation * mhz ** (m.power - power) for m in (SOFT_TISSUE, WATER))
    facts = {
        "frequency_mhz": mhz,
        "bone_above_hu": BONE_HU,
        "density": mapping.density.source,
        "sound_speed": mapping.speed.source,
        "alpha_coeff": mapping.attenuation.source,
        "alpha_power": power,
        "soft_tissue": vars(SOFT_TISSUE) | {"alpha_coeff": soft},
        "water": vars(WATER) | {"alpha_coeff": water},
        **places.holes(sct),
        "beyond_density": beyond(sct, mapping.density, places.skull.voxels, WATER.density),
        "beyond_speed": beyond(sct, mapping.speed, places.skull.voxels, WATER.speed),
        "mrtoct": __version__,
    }
    return Ultrasound(
        as_int16(sct.with_voxels(np.maximum(sct.voxels, AIR_HU))),
        places.skull,
        sct.with_voxels(filled(places, density, SOFT_TISSUE.density, WATER.density), "kg/m3"),
        sct.with_voxels(filled(places, speed, SOFT_TISSUE.speed, WATER.speed), "m/s"),
        sct.with_voxels(filled(places, mapping.attenuation, soft, water), "dB/(MHz^y cm)"),
        facts,
    )


def write_ultrasound(
    folder: Path, maps: Ultrasound, *, path: Thickness | None = None, overwrite: bool = False
) -> None:
    """Write the folder: five NIfTI files and ultrasound.json, with the skull along a path."""
    mhz, power = maps.facts["frequency_mhz"], maps.facts["alpha_power"]
    files = {
        "pseudoCT": (maps.pseudo_ct, "synthetic CT [HU]"),
        "skull_mask": (maps.skull, f"skull, bone from {BONE_HU:g} HU"),
        "density": (maps.density, "mass density [kg/m3]"),
        "sound_speed": (maps.speed, "speed of sound [m/s]"),
        "alpha_coeff": (maps.alpha, f"attenuation [dB/(MHz^y cm)], y {power:g}, for {mhz:g} MHz"),
    }
    facts = maps.facts | ({"path": vars(path)} if path else {})
    with new_folder(folder, overwrite=overwrite) as part:
        for name, (volume, what) in files.items():
            write_volume(part / f"{name}.nii.gz", volume, description=what)
        (part / "ultrasound.json").write_text(json_text(facts) + "\n", encoding="utf-8")


def skull_on_path(
    maps: Ultrasound, source: tuple[float, float, float], target: tuple[float, float, float]
) -> Thickness:
    """Return how much skull lies between a transducer and its target (RAS mm)."""
    return thickness_to(maps.pseudo_ct, maps.skull, target, source)
