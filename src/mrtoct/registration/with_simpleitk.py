"""A second engine for a second opinion: Mattes mutual information as SimpleITK does it.

It finds its way from a nearby start only; see benchmarks/registration.py for how far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from mrtoct.errors import RegistrationError
from mrtoct.registration import pyramid
from mrtoct.volume import Array, Volume

_RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK works in LPS


@dataclass(frozen=True)
class MattesSettings:
    """A regular-step descent on levels that respect thick slices.

    Plain gradient descent with the same samples stopped 1.5 to 4 mm short.
    """

    levels: tuple[float, ...] = (4.0, 2.0, 1.0)  # mm: finer axes are pooled up to it
    smoothing: float = 0.5  # mm of Gaussian sigma for each mm of a level
    bins: int = 50
    samples: float = 0.1  # part of the voxels that is drawn anew in each iteration
    iterations: int = 300  # at most, on each level
    step: float = 2.0  # mm: the first step of a level
    least_step: float = 1e-3  # mm: ends a level
    relaxation: float = 0.6  # what a step is multiplied by where the gradient turns back
    margin: float = 20.0  # mm of air around the body that takes part
    seed: int = 1


def register_simpleitk(
    fixed: Volume,
    moving: Volume,
    settings: MattesSettings = MattesSettings(),
    initial: Array | None = None,
) -> Array:
    """Return the rigid map (4 x 4, RAS mm) from fixed (CT or MR) to moving (MR) points.

    Without an initial map the centres of both volumes coincide at the start. Raises
    RegistrationError where SimpleITK finds no overlap.
    """
    body = pyramid.body(fixed)
    box = pyramid.box_around(body, fixed.grid, settings.margin)
    transform = sitk.Euler3DTransform()
    transform.SetCenter((_RAS_LPS[:3, :3] @ pyramid.center_of_mass(body)).tolist())
    if initial is None:
        initial = np.eye(4)
        initial[:3, 3] = moving.grid.center - fixed.grid.center
    lps = _RAS_LPS @ np.asarray(initial, dtype=np.float64) @ _RAS_LPS
    center = np.array(transform.GetCenter())
    transform.SetMatrix(lps[:3, :3].ravel().tolist(), 1e-6)
    transform.SetTranslation((lps[:3, :3] @ center + lps[:3, 3] - center).tolist())
    scaled = pyramid.scaled(fixed.cropped(box)), pyramid.scaled(moving)
    for spacing in settings.levels:
        fixed_image, moving_image = (
            _image(pyramid.smoothed(pyramid.pooled(v, spacing), settings.smoothing * spacing))
            for v in scaled
        )
        try:
            _climb(fixed_image, moving_image, transform, settings)
        except RuntimeError as error:
            raise RegistrationError(
                "SimpleITK's mutual information found no overlap of the two volumes to start from"
            ) from error
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return np.asarray(_RAS_LPS @ matrix @ _RAS_LPS)


def _climb(
    fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform, settings: MattesSettings
) -> None:
    """Improve the transform in place."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(settings.bins)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(settings.samples, settings.seed)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        settings.step, settings.least_step, settings.iterations, settings.relaxation
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)


def _image(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels.T, dtype=np.float32))
    lps = _RAS_LPS @ volume.affine
    image.SetSpacing(volume.spacing)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / np.array(volume.spacing)).ravel().tolist())
    return image
