"""Methods that look at a store's MR: networks, stages of a cascade, and the best intensity map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrtoct.errors import CohortError
from mrtoct.judging.baselines import MAP, IntensityMap, fitted_map, scaled_mr
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.methods import Made, Method, Subject
from mrtoct.judging.metrics.seams import TileGrid
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import PreparedSubject
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume


def network_name(bundle: Bundle) -> str:
    """Return what a network is called beside others: a shipped model's name, else its recipe's."""
    recipe = bundle.provenance.get("recipe", "network")
    name = bundle.provenance.get("name", recipe)
    return str(name["name"] if isinstance(name, dict) else name)


def network(name: str, translator: Translator, *, deviations: bool = False) -> Method:
    """Return a translator as a method, with standard deviations where it can tell and is asked."""
    channels = translator.bundle.channels
    deviations = deviations and translator.bundle.deviation is not None

    def make(subject: Subject) -> Made:
        shown = prepared(subject).channels_named(channels)
        bias_correct = _bias_correct(subject)
        tiles = translator.tiles(shown[channels[0]])
        grid = TileGrid(*tiles) if tiles else None
        if not deviations:
            sct = translator.translate(shown, aligned=True, bias_correct=bias_correct)
            return Made(sct, tiles=grid)
        sct, deviation = translator.translate_with_deviation(
            shown, aligned=True, bias_correct=bias_correct
        )
        return Made(sct, deviation, grid)

    return Method(name, make)


def stages(names: Sequence[str], translator: Translator) -> list[Method]:
    """Return a cascade after each of its stages as methods, computed together for each subject."""
    channels = translator.bundle.channels
    made: dict[str, list[Volume]] = {}

    def stage(number: int, name: str) -> Method:
        def make(subject: Subject) -> Made:
            if subject.name not in made:
                made.clear()  # subjects come one after the other
                shown = prepared(subject).channels_named(channels)
                made[subject.name] = translator.translate_stages(
                    shown, aligned=True, bias_correct=_bias_correct(subject)
                )
            return Made(made[subject.name][number])

        return Method(name, make)

    return [stage(number, name) for number, name in enumerate(names)]


def mapped(best: IntensityMap, channels: Sequence[str], scaling: MrScaling) -> Method:
    """Return the baseline that gives each value of the first channel its best HU."""

    def make(subject: Subject) -> Made:
        shown = prepared(subject).with_channels(channels)
        inside = np.asarray(judged_mask(shown)[0].voxels)
        return Made(shown.ct.with_voxels(best.apply(scaled_mr(shown, scaling), inside)))

    return Method(MAP, make)


def fitted(store: Path, training: list[str], channels: Sequence[str], scaling: MrScaling) -> Method:
    """Return the intensity map of a store's training subjects; without channels of its first."""
    return mapped(fitted_map(store, training, channels, scaling), channels, scaling)


def _bias_correct(subject: Subject) -> bool | None:
    """Tell a translator to leave alone an MR whose bias field was taken off before."""
    return False if prepared(subject).shading else None


def prepared(subject: Subject) -> PreparedSubject:
    """Return a subject as its store has it; CohortError if it comes from files."""
    if subject.prepared is None:
        raise CohortError(f"{subject.name} is not a subject of a store, which a network needs")
    return subject.prepared
