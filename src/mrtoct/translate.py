"""A trained bundle and an MR volume give a synthetic CT on exactly the MR's grid."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from mrtoct.bundle import Bundle, Network, read_bundle
from mrtoct.errors import CohortError
from mrtoct.hardware import device_named
from mrtoct.models.generator import Cascade
from mrtoct.predict import predict
from mrtoct.prepare.channels import align_channels, channel_transforms, checked_channels
from mrtoct.prepare.mask import bounding_box, head_mask_mr
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Grid, Volume


class Translator:
    """Turns head MR volumes into synthetic CT volumes.

    >>> translator = Translator.load("RUN/best")          # doctest: +SKIP
    >>> sct = translator.translate(read_volume("mr.nii.gz", "a.u."))  # doctest: +SKIP
    """

    def __init__(self, bundle: Bundle, network: Network, device: torch.device) -> None:
        self.bundle = bundle
        self.device = device
        if not isinstance(network, Cascade):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network.to(device).eval()

    @classmethod
    def load(cls, path: Path | str, device: str = "auto") -> Translator:
        """Load a bundle folder; raises BundleError if it is incomplete or damaged."""
        bundle, network = read_bundle(path)
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
        hu = np.full(grid.shape, AIR_HU, dtype=np.float32)
        hu[box] = self.predict(np.stack([w.voxels[box] for w in work]), head.voxels[box])
        # The head is cut out on the MR's grid, not before: interpolating across a cut would thin
        # the skin by half a voxel.
        onto = onto or first.grid
        sct = resample(Volume(hu, grid, "HU"), onto, fill=AIR_HU)
        inside = resample_mask(head, onto).voxels
        voxels = np.where(inside, np.rint(sct.voxels), AIR_HU).astype(np.int16)
        return Volume(voxels, onto, "HU")

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
        scaled = np.stack([self.bundle.scaling.apply(channel, head) for channel in mr])
        return self.bundle.window.to_hu(predict(self._network, self.bundle, scaled, head))
