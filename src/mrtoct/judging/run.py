"""Judge a run's network on the subjects that it did not learn from, and keep what it made of them.

RUN/evaluation/<subject>/sct.nii.gz         synthetic CT on the store's grid, int16 HU
RUN/evaluation/<subject>/deviation.nii.gz   its standard deviation in HU, if the bundle can tell
                                            (both with what was measured beside, if not all was)
RUN/evaluation/<subject>/metrics.json       every method's evaluation
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.io.atomic import new_folder, write_text
from mrtoct.io.files import write_volume
from mrtoct.judging.judge import Case, judge_subjects
from mrtoct.judging.judged import METRICS_FILE, Judged
from mrtoct.judging.judgement import Judgement
from mrtoct.judging.methods import water
from mrtoct.judging.roles import cautions, may_speak
from mrtoct.judging.store import roles_in, subjects_of
from mrtoct.judging.translated import fitted, network, network_name
from mrtoct.prepare.store import read_subject
from mrtoct.training.run import read_run
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume

EVALUATION, SCT, DEVIATION = "evaluation", "sct.nii.gz", "deviation.nii.gz"


def judge_run(
    run: Path | str,
    *,
    store: Path | str | None = None,
    device: str = "auto",
    watcher: Watcher = nobody,
) -> Judgement:
    """Judge a run's held-out subjects beside the baselines, and replace RUN/evaluation.

    The test subjects are judged; without any the validation subjects; without those the training
    subjects. store is where the cohort is now, if it was moved.
    """
    run = Path(run)
    record = read_run(run)
    store = Path(store) if store else record.store
    translator = Translator.load(run / "best", device)
    bundle = translator.bundle
    roles = roles_in(record.split)
    chosen = {name: roles[name] for name in may_speak(roles)}
    methods = [
        network(network_name(bundle), translator, deviations=True),
        fitted(store, record.split.train, bundle.channels, bundle.scaling),
        water(),
    ]

    def keep(case: Case, judged: Judged) -> None:
        made = case.made[methods[0].name]
        assert isinstance(made.sct, Volume)
        covered = np.asarray(read_subject(store, case.subject).covered.voxels)
        with new_folder(run / EVALUATION / case.subject, overwrite=True) as part:
            write_volume(part / SCT, made.sct.measured_where(covered))
            if made.deviation is not None:
                told = "SD of synthetic CT [HU]"
                known = made.deviation.measured_where(covered)
                write_volume(part / DEVIATION, known, description=told)
            write_text(part / METRICS_FILE, json.dumps(judged.to_json(), indent=1))

    judgement = judge_subjects(
        list(chosen), subjects_of(store, chosen), methods, keep=keep, watcher=watcher
    )
    return replace(judgement, notes=cautions(judgement.roles))
