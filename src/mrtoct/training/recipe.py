"""A recipe: everything about a training but the data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mrtoct.networks.registry import AnyNetwork
from mrtoct.networks.unet import UNetConfig
from mrtoct.prepare.intensity import MOST_HU, HuWindow, MrScaling
from mrtoct.prepare.spacing import require_spacing
from mrtoct.sampling.augment import Augmentation
from mrtoct.sampling.planes import require_planes
from mrtoct.sampling.subjects import Plane
from mrtoct.simulation.anatomy import AnatomySettings
from mrtoct.simulation.scan import ScanSettings
from mrtoct.training.losses import LOSSES
from mrtoct.translation.geometry import (
    MOST_NEIGHBOURS,
    MOST_STAGES,
    require_exponents,
    require_size,
)
from mrtoct.volume import BONE_ABOVE_HU

Precision = Literal["auto", "float32", "bfloat16"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Weight = Annotated[float, Field(gt=0, le=1e6)]
Hu = Annotated[float, Field(ge=-MOST_HU, le=MOST_HU)]
MOST_STEPS = 100_000_000


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataSection(_Section):
    """What the network sees."""

    neighbours: int = Field(default=0, ge=0, le=MOST_NEIGHBOURS)
    """Slices above and below that are shown as further channels (2.5-D)."""
    mirror: bool = False
    """Translate a head and its mirror image and take the mean of both."""
    exponents: tuple[float, ...] = ()
    """Translate also with the MR's contrast raised to these exponents, such as 0.8 and 1.25, and
    take the mean; how far the results differ adds to the standard deviation. A pass for each."""
    planes: tuple[Plane, ...] = ("transverse",)
    """Planes of the slices to learn from; a translation is the mean of what is made in each."""
    channels: tuple[str, ...] = ()
    """MR channels, the one that is registered to the CT first; none named: all of the store's."""
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Voxel spacing in mm."""
    size: tuple[int, int] = (256, 256)
    """Pixels of a training slice along right-left and back-front; padded or cropped to it.

    Along right-left and down-up of a coronal slice, down-up and back-front of a sagittal one.
    """
    hu_window: HuWindow = HuWindow()
    mr_scaling: MrScaling = MrScaling()

    @field_validator("spacing")
    @classmethod
    def _positive(cls, spacing: tuple[float, float, float]) -> tuple[float, float, float]:
        require_spacing(spacing)
        return spacing

    def model_post_init(self, _context: Any) -> None:
        """Planes must be different ones, and look alike; so must exponents be different."""
        require_exponents(self.exponents)
        require_planes(self.planes, self.spacing)


class LossTerm(_Section):
    """One weighted term of the distance loss."""

    term: str
    weight: Weight = 1.0
    reduction: Literal["mean", "sum"] = "mean"

    @field_validator("term")
    @classmethod
    def _registered(cls, term: str) -> str:
        if term not in LOSSES:
            raise ValueError(f"must be one of {', '.join(LOSSES)}, got {term!r}")
        return term


class FocusSection(_Section):
    """Where errors of the distance loss weigh more than 1."""

    brain: float = Field(default=0.0, ge=0, le=1000)
    """Added to the weight in the space that the skull encloses (section 4.3)."""
    brain_sigma: float = Field(default=2.0, ge=0, le=100)
    """Standard deviation in mm of the Gaussian that smooths that mask; the paper's 3 voxels."""
    bone: float = Field(default=0.0, ge=0, le=1000)
    """Added to the weight in bone."""
    bone_above: Hu = BONE_ABOVE_HU
    """HU"""
    air: float = Field(default=0.0, ge=0, le=100)
    """Added to the weight in air inside the head."""
    air_below: Hu = -300.0
    """HU"""
    outside: float = Field(default=1.0, ge=0, le=100)
    """Weight outside the head, on the CT and on the MR; 0 counts no error there, where a
    translation is air in any case."""


class SimulationSection(_Section):
    """Scans that are simulated while the network learns, in the place of a store's."""

    size: tuple[int, int, int] = (96, 128, 96)
    """Voxels of 1 mm of the part of a head that is shown at once; multiples of 16."""
    variants: int = Field(default=12, ge=1, le=1000)
    """Heads drawn from each label map; from each CT four times as many."""
    ct_share: float = Field(default=0.25, ge=0, le=1)
    """Part of the scans that are of real CT heads, where the sources hold some."""
    seed: Seed = 1
    """Of the heads; that of the training decides how they are scanned."""
    anatomy: AnatomySettings = AnatomySettings()
    scan: ScanSettings = ScanSettings()

    @field_validator("size")
    @classmethod
    def _fits(cls, size: tuple[int, int, int]) -> tuple[int, int, int]:
        if any(n % 16 or not 32 <= n <= 320 for n in size):
            raise ValueError(f"size must be multiples of 16 from 32 to 320, got {list(size)}")
        return size


class PatchSection(_Section):
    """What a 3-D network is shown in training, and how it translates."""

    size: int = Field(default=16, ge=4, le=320)
    """Of a context network: side of a patch of CT in voxels."""
    part: tuple[int, int, int] = (128, 144, 112)
    """Of networks of whole heads: most voxels (right-left, back-front, down-up) of the part of a
    head that is shown at once; rounded up to what the network halves without a rest."""
    margin: Literal[8, 18] = 8
    """Voxels of MR seen beyond it on each side. 8: the paper's 32^3 for 16^3; the zeros that the
    network pads its inner layers with reach into the patch. 18: all that a voxel depends on, so
    that a whole head is translated exactly as it was trained, at four times the work."""
    whole: bool = True
    """Translate with the network as a filter over the whole head, without borders; else patch by
    patch, as it was trained: a context network's side by side, parts of heads with neighbours that
    share a half and are blended."""

    @field_validator("part")
    @classmethod
    def _fits(cls, part: tuple[int, int, int]) -> tuple[int, int, int]:
        if any(not 8 <= n <= 320 for n in part):
            raise ValueError(f"part must be three sides of 8 to 320 voxels, got {list(part)}")
        return part


class AutoContextSection(_Section):
    """Further networks that see what the one before made of the head (section 3.3)."""

    iterations: int = Field(default=1, ge=1, le=MOST_STAGES)
    """Networks in the cascade; the paper wanted three."""
    folds: int = Field(default=4, ge=2, le=1000)
    """Each network after the first learns from predictions for heads that the one before, trained
    on the other folds, had not seen."""


class AdversarialSection(_Section):
    """A discriminator to learn against: Table 3's for slices, Table 5's for patches."""

    loss: Literal["standard", "least_square"] = "least_square"
    """Equation (6), or Mao et al. 2017 for equation (7)."""
    weight: Weight = 0.01
    """Weight of the generator's adversarial loss; the loss terms have their own."""
    width: int = Field(default=64, ge=1, le=512)
    """Channels of the discriminator's first layer."""


class UnpairedSection(_Section):
    """A training that is shown no pair: MR of some heads, CT of others.

    Its terms, each with its weight, take the place of the loss.
    """

    adversarial: Weight = 1.0
    """Of the generator's loss against a discriminator of CTs, least squares."""
    structure: Weight = 4.0
    """Of how far a synthetic CT's neighbourhoods differ from its MR's (Heinrich et al. 2012)."""
    histogram: Weight = 20.0
    """Of how far the HU in the head are distributed otherwise than in real CTs of like slices."""
    width: int = Field(default=32, ge=1, le=512)
    """Channels of the discriminator's first layer."""
    depth: int = Field(default=3, ge=1, le=4)
    """Times that the discriminator halves an image: a score is of 22 pixels at 3, 46 at 4."""


class OptimizerSection(_Section):
    """Adam; the defaults are the paper's Table 6."""

    learning_rate: float = Field(default=2e-4, gt=0, le=100)
    beta1: float = Field(default=0.5, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    muon: float = Field(default=0.0, ge=0, le=1000)
    """Of networks of whole heads: their convolutions learn by Muon, at learning_rate times this; 0:
    by Adam."""
    clip: float = Field(default=1.0, gt=0, le=1000)
    """Of networks of whole heads: longest gradient, over all weights; longer ones are shortened to
    it."""
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """cosine: a short warm-up, then down to zero at the last step; linear: constant for the first
    half, then straight down to zero."""


class TrainingSection(_Section):
    """How long and how."""

    steps: int = Field(ge=1, le=MOST_STEPS)
    batch: int = Field(default=16, ge=1, le=4096)
    validate_every: int = Field(default=500, ge=1, le=MOST_STEPS)
    """Steps between validations and checkpoints."""
    minutes: float | None = Field(default=None, gt=0, le=1e6)
    """Stop in good order after this time, even if steps are left."""
    average: float = Field(default=0.0, ge=0, lt=1)
    """Decay of a moving average of the generator's weights, which is then what is kept; 0: none."""
    precision: Precision = "auto"
    """auto: bfloat16 where the hardware computes in it, float32 elsewhere."""
    seed: Seed = 1


class SplitSection(_Section):
    """Who trains, who chooses the best checkpoint, who judges: always whole patients."""

    validation: float = Field(default=0.2, ge=0, lt=1)
    test: float = Field(default=0.0, ge=0, lt=1)
    seed: Seed = 1
    keep_doubtful: bool = False
    """Also use subjects whose registration is doubtful."""

    def model_post_init(self, _context: Any) -> None:
        """Somebody must be left to train."""
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation and test must add up to less than 1, got {self.validation} and "
                f"{self.test}"
            )


class Recipe(_Section):
    """Everything about a training but the data."""

    name: str
    description: str = ""
    data: DataSection = DataSection()
    model: AnyNetwork = UNetConfig()
    loss: tuple[LossTerm, ...] = Field(default=(LossTerm(term="mae"),), min_length=1)
    patches: PatchSection = PatchSection()
    simulation: SimulationSection | None = None
    auto_context: AutoContextSection = AutoContextSection()
    focus: FocusSection = FocusSection()
    adversarial: AdversarialSection | None = None
    unpaired: UnpairedSection | None = None
    optimizer: OptimizerSection = OptimizerSection()
    training: TrainingSection
    augmentation: Augmentation = Augmentation()
    split: SplitSection = SplitSection()

    @field_validator("model", mode="before")
    @classmethod
    def _usually_a_unet(cls, model: Any) -> Any:
        return {"kind": UNetConfig.kind, **model} if isinstance(model, dict) else model

    def model_post_init(self, _context: Any) -> None:
        """Check what concerns two sections at once."""
        channels = (self.model.in_channels, getattr(self.model, "out_channels", 1))
        if channels != (1, 1):
            raise ValueError(
                "the MR channels decide model.in_channels and model.out_channels is 1: leave both "
                f"out, got {channels[0]} and {channels[1]}"
            )
        kind, sees = self.model.kind, self.model.sees
        if sees == "slices":
            try:
                require_size(self.data.size, self.model)
            except ValueError as error:
                raise ValueError(f"data.{error}") from error
        elif self.data.neighbours or self.data.planes != ("transverse",):
            raise ValueError(
                f"data.neighbours and data.planes are for slice networks; a {kind} sees {sees}"
            )
        if sees != "patches" and self.auto_context.iterations > 1:
            raise ValueError("auto_context.iterations above 1 needs a network that sees patches")
        if any(term.term == "anatomy" for term in self.loss):
            if sees != "heads":
                raise ValueError(
                    "the loss term anatomy needs a 3-D network of whole heads, such as "
                    f"residual_encoder or head_unet, got a {kind}"
                )
            if self.data.hu_window != HuWindow():
                raise ValueError(
                    "the loss term anatomy needs the HU window -1024 to 3071, got "
                    f"{self.data.hu_window.low:g} to {self.data.hu_window.high:g}"
                )
        if sees != "heads" and self.simulation is not None:
            raise ValueError("simulation needs a network that sees heads, such as head_unet")
        if self.simulation is not None:
            divisor = self.model.divisor
            if any(n % divisor for n in self.simulation.size):
                raise ValueError(
                    f"simulation.size must be multiples of {divisor} for this {kind}, got "
                    f"{list(self.simulation.size)}"
                )
            if not self.patches.whole:
                raise ValueError(
                    "patches.whole = false needs a training on a store; a network trained on "
                    "simulated scans translates whole heads"
                )
        if self.unpaired is not None:
            self._require_no_pairs()
        if self.adversarial is None:
            return
        if sees == "heads":
            raise ValueError(f"adversarial is not available for a {kind}")
        if sees == "patches" and self.patches.size < 9:
            raise ValueError(
                "patches.size must be at least 9 against a discriminator, whose map of scores "
                f"is 8 voxels smaller than a patch, got {self.patches.size}"
            )

    def _require_no_pairs(self) -> None:
        """Raise ValueError where something of a training without pairs would need one."""
        if self.model.sees != "slices" or self.data.planes != ("transverse",):
            raise ValueError(
                "unpaired is for networks of transverse slices, got a "
                f"{self.model.kind} and {', '.join(self.data.planes)}"
            )
        for name in ("loss", "focus", "adversarial"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(
                    f"unpaired has terms of its own and sees no pair that {name} could compare: "
                    f"leave {name} out"
                )


def total_steps(recipe: Recipe) -> int:
    """Return the most steps that all networks of a recipe take: auto-context has several."""
    iterations, folds = recipe.auto_context.iterations, recipe.auto_context.folds
    return recipe.training.steps * (iterations + (iterations - 1) * folds)
