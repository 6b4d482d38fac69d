"""A trained translator on disk: weights and everything needed to use them, no pickle.

BUNDLE/bundle.json           architecture, normalisation, spacing, provenance, figures
BUNDLE/weights.safetensors   the network's tensors
BUNDLE/seen.json             what the training MR looked like; bundles of 0.1 lack it
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from mrtoct.errors import BundleError
from mrtoct.io.atomic import new_folder, write_text
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.generator import (
    CONFIGS,
    Cascade,
    GeneratorConfig,
    SliceNetwork,
    slice_network,
)
from mrtoct.networks.head_unet import HeadUNet, HeadUNetConfig
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.sampling.planes import check_planes
from mrtoct.sampling.subjects import Plane
from mrtoct.translation.deviation.model import DeviationModel
from mrtoct.translation.guard.seen import SeenMr, as_record, from_record

FORMAT = 2
DESCRIPTION = "bundle.json"
WEIGHTS = "weights.safetensors"
SEEN = "seen.json"


@dataclass(frozen=True)
class Bundle:
    """What a translator is, apart from its weights."""

    model: GeneratorConfig
    channels: tuple[str, ...]
    """MR channels of the network's input, in order; the others are registered to the first."""
    spacing: tuple[float, float, float]
    """Voxel spacing of the network's input in mm."""
    size: tuple[int, int] = (16, 16)
    """Pixels of a training slice (I, J); in a smaller one more of the head is near the border."""
    neighbours: int = 0
    """Slices above and below that are shown as further channels (2.5-D)."""
    mirror: bool = False
    """Average what the network makes of a head and of its mirror image."""
    planes: tuple[Plane, ...] = ("transverse",)
    """Average what a network of slices makes of the slices of each plane."""
    stages: int = 1
    """Networks of an auto-context cascade."""
    whole: bool = True
    """Whether a 3-D network is a filter over the whole head, or is shown 32^3 patches."""
    window: HuWindow = HuWindow()
    scaling: MrScaling = MrScaling()
    provenance: dict[str, Any] = field(default_factory=dict)
    """Recipe, data, seed, step and code version that made it."""
    validation: dict[str, float] = field(default_factory=dict)
    """Figures on the validation subjects; empty if there were none."""
    deviation: DeviationModel | None = None
    """How standard deviations are estimated; None if there were no subjects to learn it from."""
    seen: SeenMr | None = field(default=None, compare=False)
    """What the training subjects' MR looked like, for the guard; None if that is not known."""

    def __post_init__(self) -> None:
        if not all(0 < s < math.inf for s in self.spacing):
            raise ValueError(f"spacing must be positive, got {list(self.spacing)}")
        if len(self.channels) * (2 * self.neighbours + 1) != self.model.in_channels:
            raise ValueError(
                f"a network of {self.model.in_channels} input channels does not fit the MR "
                f"channels {list(self.channels)} with {self.neighbours} neighbours"
            )
        check_planes(self.planes, self.spacing)
        if isinstance(self.model, ContextGeneratorConfig):
            if self.planes != ("transverse",):
                raise ValueError("planes are for slices; a 3-D network sees all of them anyway")
            if self.stages < 1:
                raise ValueError(f"stages must be at least 1, got {self.stages}")
        elif isinstance(self.model, HeadUNetConfig):
            if self.neighbours or self.planes != ("transverse",) or self.stages != 1:
                raise ValueError(
                    "neighbours, planes and stages are for other networks: a head_unet sees the "
                    "whole head at once"
                )
        elif any(n < 1 or n % self.model.divisor for n in self.size):
            raise ValueError(
                f"size must be positive multiples of {self.model.divisor}, got {list(self.size)}"
            )


Network = SliceNetwork | Cascade | HeadUNet


def network_of(bundle: Bundle) -> Network:
    """Build the network that a bundle describes, with weights of its own."""
    if isinstance(bundle.model, ContextGeneratorConfig):
        return Cascade(bundle.model, bundle.stages)
    if isinstance(bundle.model, HeadUNetConfig):
        return HeadUNet(bundle.model)
    return slice_network(bundle.model)


def write_bundle(
    path: Path | str,
    bundle: Bundle,
    weights: dict[str, Tensor],
    *,
    half: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a bundle folder, all at once; half stores the weights in 16 bits.

    Raises ValueError where a weight is too large for half precision.
    """
    with new_folder(Path(path), overwrite=overwrite) as folder:
        tensors = {name: t.detach().cpu().contiguous() for name, t in weights.items()}
        if half:
            tensors = {name: _halved(name, t) for name, t in tensors.items()}
        (folder / WEIGHTS).write_bytes(safetensors.torch.save(tensors))
        record = {
            "format": FORMAT,
            "weights_sha256": _sha256(folder / WEIGHTS),
            "model": asdict(bundle.model),
            "channels": list(bundle.channels),
            "spacing_mm": list(bundle.spacing),
            "size": list(bundle.size),
            "neighbours": bundle.neighbours,
            "mirror": bundle.mirror,
            "planes": list(bundle.planes),
            "stages": bundle.stages,
            "whole": bundle.whole,
            "hu_window": asdict(bundle.window),
            "mr_scaling": asdict(bundle.scaling),
            "provenance": bundle.provenance,
            "validation": bundle.validation,
        }
        if bundle.deviation is not None:
            record["deviation"] = asdict(bundle.deviation)
        write_text(folder / DESCRIPTION, json.dumps(record, indent=1))
        if bundle.seen is not None:
            write_text(folder / SEEN, json.dumps(as_record(bundle.seen)))


def read_bundle(path: Path | str) -> tuple[Bundle, Network]:
    """Read a bundle and return its description and its network, in evaluation mode on the CPU.

    The network is in float32, in whatever precision its weights are stored.

    Raises BundleError if a file is missing, damaged, of another version, or does not fit.
    """
    path = Path(path)
    record = read_description(path)
    weights_path = path / WEIGHTS
    if not weights_path.is_file():
        raise BundleError(f"{weights_path} is missing")
    if _sha256(weights_path) != record.get("weights_sha256"):
        raise BundleError(
            f"{weights_path} is damaged: its checksum is not the one in {DESCRIPTION}"
        )
    try:
        model = dict(record["model"])
        if model["kind"] not in CONFIGS:
            raise BundleError(
                f"{path} holds a model of kind {model['kind']!r}; this version knows "
                f"{', '.join(CONFIGS)}"
            )
        i, j, k = record["spacing_mm"]
        width, height = record["size"]
        bundle = Bundle(
            model=CONFIGS[model["kind"]](**_tuples(model)),
            channels=tuple(record["channels"]),
            spacing=(float(i), float(j), float(k)),
            size=(int(width), int(height)),
            neighbours=int(record["neighbours"]),
            mirror=bool(record["mirror"]),
            # Bundles from before there were planes lack them.
            planes=tuple(record.get("planes", ["transverse"])),
            stages=int(record["stages"]),
            whole=bool(record["whole"]),
            window=HuWindow(**record["hu_window"]),
            scaling=MrScaling(**record["mr_scaling"]),
            provenance=dict(record["provenance"]),
            validation=dict(record["validation"]),
            # Bundles from before there were standard deviations lack it.
            deviation=_deviation(record.get("deviation")),
            seen=_read_seen(path / SEEN),
        )
        network = network_of(bundle)
        network.load_state_dict(safetensors.torch.load_file(weights_path))
    except KeyError as error:
        raise BundleError(f"{path / DESCRIPTION} is damaged: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise BundleError(f"{path / DESCRIPTION} is damaged: {_one_line(error)}") from error
    except (SafetensorError, RuntimeError) as error:
        raise BundleError(
            f"{weights_path} does not fit {DESCRIPTION}: {_one_line(error)}"
        ) from error
    return bundle, network.eval()


def read_description(path: Path) -> dict[str, Any]:
    """Read and check bundle.json alone; BundleError if it is missing or damaged."""
    description = path / DESCRIPTION
    if not description.is_file():
        best = path / "best" / DESCRIPTION
        hint = f"; did you mean {best.parent}?" if best.is_file() else ""
        raise BundleError(f"{path} is not a bundle: it holds no {DESCRIPTION}{hint}")
    try:
        record = json.loads(description.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{description} is damaged: {_one_line(error)}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        found = record.get("format") if isinstance(record, dict) else None
        raise BundleError(f"{description} has format {found}; this version reads {FORMAT}")
    return record


def _deviation(record: dict[str, Any] | None) -> DeviationModel | None:
    if record is None:
        return None
    lists = {name: tuple(record[name]) for name in ("knots", "floors")}
    return DeviationModel(**{**record, **lists})


def _read_seen(path: Path) -> SeenMr | None:
    """Read what the training MR looked like; None if the bundle does not say."""
    if not path.is_file():
        return None
    try:
        return from_record(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise BundleError(f"{path} is damaged: {_one_line(error)}") from error


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    halved = tensor.to(torch.float16)
    if not halved.isfinite().all():
        raise ValueError(f"{name} holds weights beyond half precision; write them in full")
    return halved


def _tuples(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the tuples that JSON knows only as lists."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in record.items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
