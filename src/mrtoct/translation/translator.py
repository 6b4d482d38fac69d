"""A trained bundle and an MR volume give a synthetic CT on exactly the MR's grid."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mrtoct.check.finding import Finding
from mrtoct.errors import BundleError, CohortError
from mrtoct.hardware.devices import device_named
from mrtoct.prepare.channels import align_channels, channel_transforms, checked_channels
from mrtoct.prepare.mask import bounding_box, head_mask_mr
from mrtoct.resample import resample, resample_mask
from mrtoct.translation.bundle import Bundle, read_bundle
from mrtoct.translation.deviation.model import DeviationModel
from mrtoct.translation.deviation.spread import predict_with_disagreement
from mrtoct.translation.guard.judge import doubts
from mrtoct.translation.predict import predict, predict_stages
from mrtoct.translation.pretrained.shipped import DEFAULT, find_bundle
from mrtoct.translation.ways import WAYS
from mrtoct.volume import AIR_HU, Array, Grid, Volume


@dataclass(frozen=True, eq=False)
class Shown:
    """A head as a network sees it, and where that is."""

    mr: Array
    """MR (C, I, J, K) in the head's box, upright, at the bundle's spacing."""
    head: Volume
    """The head on the whole upright grid."""
    box: tuple[slice, slice, slice]
    """Of that grid."""
    grid: Grid
    """The first MR channel's own."""

    @property
    def inside(self) -> Array:
        """The head in its box, boolean (I, J, K)."""
        return self.head.voxels[self.box]

    def placed(self, hu: Array, onto: Grid | None = None) -> Volume:
        """Return HU (I, J, K) of the box as int16 on the MR's own grid, or on another one."""
        return self._cut_out(hu, onto or self.grid, AIR_HU)

    def placed_deviation(self, deviation: Array, onto: Grid | None = None) -> Volume:
        """Return HU of uncertainty likewise: at least 1 in the head, 0 outside."""
        return self._cut_out(np.maximum(deviation, 1), onto or self.grid, 0)

    def _cut_out(self, values: Array, onto: Grid, outside: float) -> Volume:
        whole = np.full(self.head.grid.shape, outside, dtype=np.float32)
        whole[self.box] = values
        # The head is cut out on the MR's grid, not before: interpolating across a cut would thin
        # the skin by half a voxel.
        moved = resample(Volume(whole, self.head.grid, "HU"), onto, fill=outside)
        inside = resample_mask(self.head, onto).voxels
        voxels = np.where(inside, np.rint(moved.voxels), outside).astype(np.int16)
        return Volume(voxels, onto, "HU")


class Translator:
    """Turns head MR volumes into synthetic CT volumes.

    >>> translator = Translator.load()                    # doctest: +SKIP
    >>> sct = translator.translate(read_volume("mr.nii.gz", "a.u."))  # doctest: +SKIP
    """

    def __init__(self, bundle: Bundle, network: nn.Module, device: torch.device) -> None:
        self.bundle = bundle
        self.device = device
        network.to(memory_format=WAYS[bundle.model.sees].layout)  # type: ignore[call-overload]
        self._network = network.to(device).eval()

    @classmethod
    def load(cls, model: Path | str = DEFAULT, device: str = "auto") -> Translator:
        """Load a model that comes with the package, by its name, or a bundle folder.

        A folder named as a shipped model is written ./head, or given as a Path. Raises BundleError
        if there is no such model, or if its files are incomplete or damaged.
        """
        bundle, network = read_bundle(find_bundle(model))
        return cls(bundle, network, device_named(device))

    def translate(
        self,
        mr: Volume | Mapping[str, Volume],
        *,
        aligned: bool = False,
        onto: Grid | None = None,
        on_doubt: Callable[[str], None] = warnings.warn,
    ) -> Volume:
        """Return the sCT in HU (int16), -1024 outside the head.

        It lies on the first MR channel's own grid, or on another one in its world. mr is one
        volume, or volumes by channel; each may have any orientation, spacing and slice thickness.
        The further channels are registered to the first unless they are aligned with it already;
        on_doubt is told where that may have failed. Raises CohortError if a channel of the bundle
        is missing, ValueRangeError for a constant volume or one in which no head is found.
        """
        shown = self._shown(mr, aligned, on_doubt)
        return shown.placed(self.predict(shown.mr, shown.inside), onto)

    def translate_with_deviation(
        self,
        mr: Volume | Mapping[str, Volume],
        *,
        aligned: bool = False,
        onto: Grid | None = None,
        on_doubt: Callable[[str], None] = warnings.warn,
    ) -> tuple[Volume, Volume]:
        """Return what translate does and, on the same grid, its standard deviation in HU (int16).

        The deviation is at least 1 in the head and 0 outside. Raises BundleError if the bundle was
        trained without subjects that say how large its errors are.
        """
        model = self.deviation_model()
        shown = self._shown(mr, aligned, on_doubt)
        hu, disagreement = predict_with_disagreement(
            self._network, self.bundle, self._scaled(shown.mr, shown.inside), shown.inside
        )
        deviation = model.apply(model.signs(hu, disagreement, shown.head.spacing))
        return shown.placed(hu, onto), shown.placed_deviation(deviation, onto)

    def deviation_model(self) -> DeviationModel:
        """Return how the bundle estimates standard deviations; BundleError if it cannot."""
        if self.bundle.deviation is None:
            raise BundleError(
                "this bundle cannot estimate its uncertainty: it was trained without validation "
                "subjects, or by an older version; train again with some"
            )
        return self.bundle.deviation

    def translate_stages(
        self, mr: Volume | Mapping[str, Volume], *, aligned: bool = False
    ) -> list[Volume]:
        """Return what translate does, once for each network of an auto-context cascade.

        The last is the translation; those before are what shorter cascades of the same networks
        make. A bundle of one network gives one.
        """
        shown = self._shown(mr, aligned, warnings.warn)
        stages = predict_stages(
            self._network, self.bundle, self._scaled(shown.mr, shown.inside), shown.inside
        )
        return [shown.placed(self.bundle.window.to_hu(ct)) for ct in stages]

    def _shown(
        self,
        mr: Volume | Mapping[str, Volume],
        aligned: bool,
        on_doubt: Callable[[str], None],
    ) -> Shown:
        channels = checked_channels(self._by_name(mr), self.bundle.channels)
        alignments = {} if aligned else align_channels(channels)
        for name, found in alignments.items():
            if found.verdict == "doubtful":
                on_doubt(f"the registration of MR channel {name} is doubtful: {found.reason}")
        transforms = channel_transforms(channels, alignments, np.eye(4))
        first = channels[self.bundle.channels[0]]
        grid = first.grid.upright(self.bundle.spacing)
        work = [
            resample(channel, grid, fill=0.0, transform=transforms[name])
            for name, channel in channels.items()
        ]
        head = head_mask_mr(work[0])
        box = bounding_box(head.voxels, margin=(2, 2, 2))
        return Shown(np.stack([w.voxels[box] for w in work]), head, box, first.grid)

    def doubts(self, mr: Volume | Mapping[str, Volume]) -> list[Finding]:
        """Return what is unlike the MR that the bundle was trained on; best is nothing.

        mr is as for translate. Raises CohortError and ValueRangeError as translate does.
        """
        named = self._by_name(mr)
        checked_channels(named, self.bundle.channels)
        return doubts({name: named[name] for name in self.bundle.channels}, self.bundle.seen)

    def _by_name(self, mr: Volume | Mapping[str, Volume]) -> Mapping[str, Volume]:
        if not isinstance(mr, Volume):
            unknown = [name for name in mr if name not in self.bundle.channels]
            if unknown:
                raise CohortError(
                    f"this bundle knows the MR channels {', '.join(self.bundle.channels)}; it was "
                    f"given {', '.join(unknown)}"
                )
            return mr
        if len(self.bundle.channels) > 1:
            raise CohortError(
                f"this bundle needs the MR channels {', '.join(self.bundle.channels)}; "
                "it was given one MR"
            )
        return {self.bundle.channels[0]: mr}

    def predict(self, mr: Array, head: Array) -> Array:
        """Map MR (C, I, J, K) and head mask (I, J, K), upright at the bundle's spacing, to HU."""
        scaled = self._scaled(mr, head)
        return self.bundle.window.to_hu(predict(self._network, self.bundle, scaled, head))

    def _scaled(self, mr: Array, head: Array) -> Array:
        return np.stack([self.bundle.scaling.apply(channel, head) for channel in mr])
