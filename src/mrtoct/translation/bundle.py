"""A trained translator on disk: weights and everything needed to use them, no pickle.

BUNDLE/bundle.json           architecture, geometry, normalisation, provenance, figures
BUNDLE/weights.safetensors   the network's tensors
BUNDLE/seen.json             what the training MR looked like, where that is known
BUNDLE/SHA256SUMS            of these files; without it only the weights are known to be whole
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import safetensors.torch
import torch
from pydantic import Field, InstanceOf
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mrtoct.errors import BundleError, FileError
from mrtoct.io.atomic import new_folder
from mrtoct.io.records import BUNDLE, Record, read_record, write_record
from mrtoct.io.sums import SUMS, changed_since, write_sums
from mrtoct.networks.registry import AnyNetwork
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.prepare.spacing import require_spacing
from mrtoct.translation.deviation.model import DeviationModel
from mrtoct.translation.geometry import Geometry, require_exponents
from mrtoct.translation.guard.seen import SeenMr
from mrtoct.translation.training_cts import TrainingCts

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Bundle:
    """What a translator is, apart from its weights."""

    model: AnyNetwork
    channels: tuple[str, ...]
    """MR channels of the network's input, in order; the others are registered to the first."""
    spacing: tuple[float, float, float]
    """Voxel spacing of the network's input in mm."""
    geometry: Geometry
    """What the network is shown of a head."""
    mirror: bool = False
    """Average what the network makes of a head and of its mirror image."""
    exponents: tuple[float, ...] = ()
    """Beside the MR as it is, average over it at these exponents of its contrast, too."""
    window: HuWindow = HuWindow()
    scaling: MrScaling = MrScaling()
    bias_corrected: bool = False
    """The MR that it learnt from had its bias field corrected, so every MR has to."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Recipe, data, seed, step and code version that made it."""
    validation: dict[str, float] = field(default_factory=dict)
    """Figures on the validation subjects; empty if there were none."""
    deviation: DeviationModel | None = None
    """How standard deviations are estimated; None if there were no subjects to learn it from."""
    cts: TrainingCts | None = None
    """What the training subjects' CTs were like; None of bundles made before it was asked."""
    seen: Annotated[InstanceOf[SeenMr] | None, Field(exclude=True)] = field(
        default=None, compare=False
    )
    """What the training subjects' MR looked like, for the guard; None if that is not known. It has
    a file of its own."""

    def __post_init__(self) -> None:
        require_spacing(self.spacing)
        require_exponents(self.exponents)
        if self.geometry.kind != self.model.sees:
            raise ValueError(
                f"a {self.model.kind} sees {self.model.sees}, but the geometry is of "
                f"{self.geometry.kind}"
            )
        self.geometry.require_fit(self.model, len(self.channels), self.spacing)


@dataclass(frozen=True)
class BundleRecord(Record):
    """What bundle.json says."""

    file: ClassVar[str] = BUNDLE
    remedy: ClassVar[str] = "train it again, or copy it again from its source"
    error: ClassVar[type[BundleError]] = BundleError

    format: Literal[3]
    weights_sha256: str
    translator: Bundle


def trained_on(provenance: Mapping[str, object]) -> str | None:
    """Return in words what a bundle learnt from, as its provenance says; None if it does not."""
    if "trained_on" in provenance:
        return str(provenance["trained_on"])
    recipe, subjects = provenance.get("recipe"), provenance.get("subjects")
    if isinstance(recipe, dict) and isinstance(subjects, dict):
        said = f"{subjects.get('train')} subjects, recipe {recipe.get('name')}"
        return f"{said}, without pairs" if learnt_without_pairs(provenance) else said
    return None


def learnt_without_pairs(provenance: Mapping[str, object]) -> bool:
    """Return whether a bundle was trained on MR and CT of different heads."""
    recipe = provenance.get("recipe")
    return isinstance(recipe, dict) and recipe.get("unpaired") is not None


def network_of(bundle: Bundle) -> nn.Module:
    """Build the network that a bundle describes, with weights of its own."""
    return bundle.geometry.build(bundle.model)


_DRAWING = (Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_)


class _NothingDrawn(TorchFunctionMode):
    """Leave weights as they are that would be drawn at random: those of a file take their place.

    Where there is no memory behind weights, torch draws them by code that is interpreted, and
    loading that code takes two seconds.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func in _DRAWING:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


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
        content = safetensors.torch.save(tensors)
        (folder / WEIGHTS).write_bytes(content)
        write_record(folder, BundleRecord(3, hashlib.sha256(content).hexdigest(), bundle))
        if bundle.seen is not None:
            write_record(folder, bundle.seen)
        write_sums(folder)


def read_bundle(path: Path | str) -> tuple[Bundle, nn.Module]:
    """Read a bundle and return its description and its network, in evaluation mode on the CPU.

    The network is in float32, in whatever precision its weights are stored.

    Raises BundleError if a file is missing, damaged, of another version, or does not fit.
    """
    path = Path(path)
    record = read_description(path)
    weights_path = path / WEIGHTS
    if not weights_path.is_file():
        raise BundleError(f"{weights_path} is missing")
    content = weights_path.read_bytes()
    if hashlib.sha256(content).hexdigest() != record.weights_sha256:
        raise BundleError(f"{weights_path} is damaged: its checksum differs from that in {BUNDLE}")
    try:
        weights = {
            name: t.float() if t.is_floating_point() else t
            for name, t in safetensors.torch.load(content).items()
        }
        # Nothing is allocated for what the description says before it is known to fit the weights.
        with torch.device("meta"), _NothingDrawn():
            network = network_of(record.translator)
        network.load_state_dict(weights, assign=True)
        if not all(bool(t.isfinite().all()) for t in weights.values()):
            raise BundleError(f"{weights_path} holds weights that are NaN or infinite")
    except (SafetensorError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        raise BundleError(f"{weights_path} does not fit {BUNDLE}: {said}") from error
    bundle = replace(record.translator, seen=_read_seen(path))
    _require_unchanged(path, [BUNDLE, WEIGHTS] + [SeenMr.file] * (bundle.seen is not None))
    return bundle, network.eval()


def _require_unchanged(path: Path, names: list[str]) -> None:
    """Raise BundleError if a file is valid but not what was written, such as by a flipped bit."""
    try:
        changed = changed_since(path, names)
    except FileError as error:
        raise BundleError(f"{error}; {BundleRecord.remedy}") from error
    if changed:
        raise BundleError(
            f"{path / changed[0]} has changed since it was written ({SUMS}); "
            f"{BundleRecord.remedy}, or remove {SUMS} if you changed it deliberately"
        )


def read_description(path: Path) -> BundleRecord:
    """Read and check bundle.json alone; BundleError if it is missing or damaged."""
    if not (path / BUNDLE).is_file():
        best = path / "best" / BUNDLE
        hint = f"; did you mean {best.parent}?" if best.is_file() else ""
        raise BundleError(f"{path} is not a bundle: it holds no {BUNDLE}{hint}")
    return read_record(path, BundleRecord)


def _read_seen(path: Path) -> SeenMr | None:
    """Read what the training MR looked like; None if the bundle does not say."""
    return read_record(path, SeenMr) if (path / SeenMr.file).is_file() else None


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    halved = tensor.to(torch.float16)
    if not halved.isfinite().all():
        raise ValueError(
            f"{name} holds weights beyond the range of half precision; write them in full"
        )
    return halved
