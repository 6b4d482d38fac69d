"""Several models for one head: the mean of their CTs, and how far they are apart.

Of models that are right with equal probability the mean of the CTs is the best guess, and its
variance that of their mixture (Lakshminarayanan et al. 2017): the mean of their variances and, on
top of it, the variance of their CTs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from mrtoct.errors import BundleError
from mrtoct.io.calibration import distinct
from mrtoct.translation.bundle import Bundle, trained_on
from mrtoct.translation.deviation.disagreement import predict_with_disagreement
from mrtoct.translation.deviation.model import DeviationModel
from mrtoct.translation.predict import predict
from mrtoct.translation.training_cts import TrainingCts
from mrtoct.volume import Array


@dataclass(frozen=True, eq=False)
class Member:
    """One model of an ensemble, or the only one."""

    bundle: Bundle
    network: nn.Module
    name: str
    """What it is called in a sentence about it."""

    def scaled(self, mr: Array, head: Array) -> Array:
        """Scale MR (C, I, J, K) as this model learnt it, by its values in the head (I, J, K)."""
        return np.stack([self.bundle.scaling.apply(channel, head) for channel in mr])

    def hu(self, mr: Array, head: Array) -> Array:
        """Map MR (C, I, J, K), at the bundle's spacing, to HU (I, J, K) float32."""
        made = predict(self.network, self.bundle, self.scaled(mr, head), head)
        return self.bundle.window.to_hu(made)

    def hu_with_deviation(
        self, mr: Array, head: Array, spacing: tuple[float, float, float]
    ) -> tuple[Array, Array]:
        """Map MR to HU as hu does, and to its standard deviation in HU; spacing is in mm."""
        model = self.deviation_model()
        hu, doubt = predict_with_disagreement(
            self.network, self.bundle, self.scaled(mr, head), head
        )
        return hu, model.apply(model.signs(hu, doubt, spacing))

    def deviation_model(self) -> DeviationModel:
        """Return how the bundle estimates standard deviations; BundleError if it cannot."""
        if self.bundle.deviation is None:
            raise BundleError(
                "this bundle cannot estimate its uncertainty: it was trained without validation "
                "subjects, or by an older version; train again with validation subjects"
            )
        return self.bundle.deviation


def mean_hu(members: Sequence[Member], mr: Array, head: Array) -> Array:
    """Return the mean of what models make of MR (C, I, J, K): HU (I, J, K) float32."""
    total = members[0].hu(mr, head)
    for member in members[1:]:
        total = total + member.hu(mr, head)
    return total if len(members) == 1 else np.asarray(total / len(members), dtype=np.float32)


def mean_hu_with_deviation(
    members: Sequence[Member], mr: Array, head: Array, spacing: tuple[float, float, float]
) -> tuple[Array, Array]:
    """Return what mean_hu does, and its standard deviation (I, J, K), HU float32.

    Its square is the mean of the models' own variances plus the variance of their CTs.
    """
    made = [member.hu_with_deviation(mr, head, spacing) for member in members]
    if len(made) == 1:
        return made[0]
    mean = np.asarray(sum(hu for hu, _ in made) / len(made), dtype=np.float32)
    squares = sum(np.square(sd) + np.square(hu - mean) for hu, sd in made)
    return mean, np.asarray(np.sqrt(squares / len(made)), dtype=np.float32)


def together(bundles: Sequence[Bundle], names: Sequence[str]) -> Bundle:
    """Return what bundles, one or more, called so say of themselves together.

    It describes the mean of what they make: what it is made from, for what, by whom. Raises
    BundleError where no MR would fit them all.
    """
    first = bundles[0]
    if len(bundles) == 1:
        return first
    for bundle, name in zip(bundles, names, strict=True):
        for what, wanted, found in (
            ("MR channels", ", ".join(first.channels), ", ".join(bundle.channels)),
            ("voxel", _millimetres(first), _millimetres(bundle)),
            ("bias field", _corrected(first), _corrected(bundle)),
        ):
            if wanted != found:
                raise BundleError(
                    f"{names[0]} and {name} cannot be combined: one was trained with {what} "
                    f"{wanted}, the other with {found}; an ensemble needs the same"
                )
    told = [bundle.provenance for bundle in bundles]
    called = [str(one.get("name", name)) for one, name in zip(told, names, strict=True)]
    facts = {
        "name": f"the mean of {len(bundles)} models: {', '.join(called)}",
        "mrtoct": told[0].get("mrtoct"),
        "trained_on": _joined([trained_on(one) for one in told], "; "),
        "intended_use": _joined([one.get("intended_use") for one in told], " "),
        "licence": _joined([one.get("licence") for one in told], "; "),
    }
    return replace(
        first,
        provenance={key: value for key, value in facts.items() if value is not None},
        validation={},
        deviation=first.deviation if all(b.deviation for b in bundles) else None,
        cts=_cts([bundle.cts for bundle in bundles]),
        seen=first.seen if all(b.seen for b in bundles) else None,
    )


def _joined(values: Sequence[object], between: str) -> str | None:
    """Return what all say, each once; None where one says nothing."""
    if any(value is None for value in values):
        return None
    return between.join(dict.fromkeys(str(value) for value in values))


def _cts(cts: Sequence[TrainingCts | None]) -> TrainingCts | None:
    """Return what the CTs were like that several models learnt from; None if one does not know."""
    known = [one for one in cts if one is not None]
    if len(known) < len(cts):
        return None
    same = all(one.bone == known[0].bone for one in known)
    calibrations = distinct([calibration for one in known for calibration in one.calibrations])
    return TrainingCts(calibrations, known[0].bone if same else None)


def _millimetres(bundle: Bundle) -> str:
    return " x ".join(f"{s:g}" for s in bundle.spacing) + " mm"


def _corrected(bundle: Bundle) -> str:
    return "corrected" if bundle.bias_corrected else "as it was"
