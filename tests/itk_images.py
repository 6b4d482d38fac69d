"""Volumes as SimpleITK images, made without the package's own conversion."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from mrtoct.volume import Volume

LPS = np.array([-1, -1, 1])


def itk_image(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels.T))
    spacing = np.array(volume.spacing)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin((volume.affine[:3, 3] * LPS).tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing * LPS[:, None]).ravel().tolist())
    return image
