"""A trained bundle and an MR volume give a synthetic CT on exactly the MR's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mrtoct.bundle import Bundle, read_bundle
from mrtoct.errors import ValueRangeError
from mrtoct.hardware import bfloat16_pays, device_named
from mrtoct.models.unet import UNet
from mrtoct.prepare.intensity import from_zero
from mrtoct.prepare.mask import bounding_box, head_mask_mr
from mrtoct.resample import resample, resample_mask
from mrtoct.sampling.slices import centered
from mrtoct.volume import AIR_HU, Array, Volume, check_signal

SLICES_AT_ONCE = 8


class Translator:
    """Turns head MR volumes into synthetic CT volumes.

    >>> translator = Translator.load("RUN/best")          # doctest: +SKIP
    >>> sct = translator.translate(read_volume("mr.nii.gz", "a.u."))  # doctest: +SKIP
    """

    def __init__(self, bundle: Bundle, network: UNet, device: torch.device) -> None:
        self.bundle = bundle
        self.device = device
        self._autocast = torch.autocast(
            device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)
        )
        self._network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    @classmethod
    def load(cls, path: Path | str, device: str = "auto") -> Translator:
        """Load a bundle folder; raises BundleError if it is incomplete or damaged."""
        bundle, network = read_bundle(path)
        return cls(bundle, network, device_named(device))

    def translate(self, mr: Volume) -> Volume:
        """Return the sCT in HU (int16) on the MR's own grid, -1024 where the head is not.

        The MR may have any orientation, spacing and slice thickness. Raises ValueRangeError for
        a constant volume or one in which no head is found.
        """
        check_signal(mr, "MR")
        if not np.isfinite(mr.voxels).all():
            raise ValueRangeError("the MR holds NaN or infinite voxels; every voxel must be finite")
        mr = mr.with_voxels(from_zero(mr.voxels))
        grid = mr.grid.upright(self.bundle.spacing)
        work = resample(mr, grid, fill=0.0)
        head = head_mask_mr(work)
        box = bounding_box(head.voxels, margin=(2, 2, 2))
        hu = np.full(grid.shape, AIR_HU, dtype=np.float32)
        hu[box] = self.predict(work.voxels[box], head.voxels[box])
        # The head is cut out on the MR's grid, not before: interpolating across a cut would thin
        # the skin by half a voxel.
        sct = resample(Volume(hu, grid, "HU"), mr.grid, fill=AIR_HU)
        inside = resample_mask(head, mr.grid).voxels
        voxels = np.where(inside, np.rint(sct.voxels), AIR_HU).astype(np.int16)
        return Volume(voxels, mr.grid, "HU")

    def predict(self, mr: Array, head: Array) -> Array:
        """Map MR and head mask (I, J, K), upright at the bundle's spacing, to HU (I, J, K)."""
        low, high = self.bundle.scaling.measure(mr, head)
        scaled = self.bundle.scaling.normalise(mr, head, low, high)
        divisor = self.bundle.model.divisor
        # At least the training's size: in a tighter slice the border reaches into the head.
        shape = tuple(
            max(-(-n // divisor) * divisor, size)
            for n, size in zip(scaled.shape[:2], self.bundle.size, strict=True)
        )
        into, of = centered(scaled.shape[:2], shape)
        padded = np.zeros((*shape, scaled.shape[2]), dtype=np.float32)
        padded[into] = scaled[of]
        hu = np.empty(scaled.shape, dtype=np.float32)
        for start in range(0, scaled.shape[2], SLICES_AT_ONCE):
            part = slice(start, start + SLICES_AT_ONCE)
            # (I, J, K) to (N = K, 1, H = J, W = I), as in training.
            images = torch.from_numpy(np.ascontiguousarray(padded[:, :, part].T))[:, None]
            images = images.to(self.device).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode(), self._autocast:
                out = self._network(images)
            predicted = out[:, 0].float().cpu().numpy().T
            hu[:, :, part] = self.bundle.window.to_hu(predicted[into])
        return hu
