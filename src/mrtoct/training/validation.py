"""How far a network is from subjects that it does not learn from, while it learns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import nn

from mrtoct.prepare.intensity import HuWindow
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.training import ranks
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.predict import predict_once
from mrtoct.volume import Array


def validation_mae(
    subjects: list[LoadedSubject], window: HuWindow, translated: Callable[[LoadedSubject], Array]
) -> float:
    """Return the mean absolute error in HU over the kept slices' heads, where the MR was measured.

    translated gives a subject's CT (I, J, K) in [0, 1]. The voxels of all subjects count alike.
    Processes that train together share the subjects, and all return the same.
    """
    error, voxels = 0.0, 0
    for subject in subjects[ranks.rank() :: ranks.size()]:
        kept = np.zeros(subject.grid.shape, dtype=np.bool_)
        kept[:, :, subject.kept] = True
        inside = kept & subject.head & subject.covered
        # Targets beyond the window count as its ends: no network can do better there.
        real = np.clip(subject.hu, window.low, window.high)
        error += float(
            np.abs(window.to_hu(translated(subject)) - real)[inside].sum(dtype=np.float64)
        )
        voxels += int(inside.sum())
    error, everywhere = ranks.sum_of((error, voxels))
    return error / everywhere


def validation_of(
    translator: nn.Module, bundle: Bundle, subjects: list[LoadedSubject]
) -> Callable[[], float] | None:
    """Return what measures a network as it is when asked, in the first of its bundle's ways.

    None without subjects.
    """
    if not subjects:
        return None

    def translated(subject: LoadedSubject) -> Array:
        translator.eval()
        return predict_once(translator, bundle, subject.mr, subject.mr_head)

    return lambda: validation_mae(subjects, bundle.window, translated)
