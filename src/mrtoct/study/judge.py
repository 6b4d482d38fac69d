"""Judge a method on the training and the validation subjects of a split.

Training subjects get the paper's figures alone, as its tables want them; validation subjects get
every metric, and their synthetic CT is kept to be shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scipy import ndimage

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.atomic import new_folder, write_text
from mrtoct.io.files import write_volume
from mrtoct.judging.baselines import fitted_map, scaled_mr, water
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.metrics.evaluate import Evaluation, evaluate
from mrtoct.judging.metrics.paper import PaperMetrics, paper_metrics
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import PreparedSubject, read_subject
from mrtoct.report.contents import Role
from mrtoct.training.split import Split
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume

METRICS = "metrics.json"
SCT = "sct.nii.gz"

Translate = Callable[[PreparedSubject], list[Volume]]
"""Gives a subject's synthetic CTs, one for each of the methods that are made together."""
Judging = Callable[[str, int], AbstractContextManager[Callable[[int, str], None]]]


@dataclass(frozen=True)
class Judged:
    """A method's figures on one subject."""

    subject: str
    role: Role
    paper: PaperMetrics
    evaluation: Evaluation | None
    """Every metric; of validation subjects only."""


@dataclass(frozen=True)
class Task:
    """One method to be judged on one split."""

    title: str
    store: Path
    split: Split
    folder: Path
    """Gets a folder a subject."""
    identity: str
    """What the method was made from: figures under another one are out of date."""

    @property
    def roles(self) -> dict[str, Role]:
        """Of every subject."""
        roles: dict[str, Role] = dict.fromkeys(self.split.train, "train")
        return roles | dict.fromkeys(self.split.validation, "validation")


def judge(tasks: Sequence[Task], prepared: Callable[[], Translate], judging: Judging) -> None:
    """Translate and judge the subjects that are not judged yet.

    tasks are those of methods that are made together, on one split: prepared gives what makes all
    of them, in the order of the tasks.
    """
    missing = [name for name in tasks[0].roles if any(_is_missing(task, name) for task in tasks)]
    if not missing:
        return
    translate = prepared()
    with judging(", ".join(task.title for task in tasks), len(missing)) as on_subject:
        for done, name in enumerate(missing):
            on_subject(done, name)
            subject = read_subject(tasks[0].store, name)
            for task, sct in zip(tasks, translate(subject), strict=True):
                _judge(task, subject, sct)
        on_subject(len(missing), "done")


def _is_missing(task: Task, name: str) -> bool:
    return read_judged(task.folder / name, task.identity) is None


def by_bundle(bundle: Path) -> Translate:
    """Return what a trained bundle makes of a subject, of a cascade after each of its stages."""
    translator = Translator.load(bundle)
    channels = translator.bundle.channels
    return lambda subject: translator.translate_stages(
        subject.channels_named(channels), aligned=True
    )


def by_intensity_map(store: Path, training: list[str], scaling: MrScaling) -> Translate:
    """Return what the best map from MR value to HU makes of a subject."""
    best = fitted_map(store, training, (), scaling)  # the study trains on all channels

    def translate(subject: PreparedSubject) -> list[Volume]:
        hu = best.apply(scaled_mr(subject, scaling), judged_mask(subject)[0].voxels)
        return [subject.ct.with_voxels(hu)]

    return translate


def by_water(subject: PreparedSubject) -> list[Volume]:
    """Return 0 HU in the whole head."""
    return [subject.ct.with_voxels(water(judged_mask(subject)[0].voxels))]


def read_judged(folder: Path, identity: str) -> Judged | None:
    """Read a method's figures on a subject; None if there are none, or they are out of date."""
    file = folder / METRICS
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["identity"] != identity:
            return None
        evaluation = record["evaluation"] and Evaluation.from_json(record["evaluation"])
        paper: dict[str, Any] = {
            key: math.inf if v is None else v for key, v in record["paper"].items()
        }
        return Judged(record["subject"], record["role"], PaperMetrics(**paper), evaluation)
    except FileNotFoundError:
        return None
    except (OSError, KeyError, TypeError, ValueError, ValueRangeError) as error:
        raise FileError(f"{file} is damaged; remove it to have it made again") from error


def _judge(task: Task, subject: PreparedSubject, sct: Volume) -> None:
    """Write the figures of a subject's synthetic CT, and of a validation subject the CT itself."""
    role = task.roles[subject.name]
    mask, source = judged_mask(subject)
    evaluation = None
    if role == "validation":
        evaluation = evaluate(sct, subject.ct, mask, source)
        paper = evaluation.paper
    else:
        box = ndimage.find_objects(mask.voxels.astype("uint8"))[0]  # as evaluate does
        paper = paper_metrics(sct.voxels[box], subject.ct.voxels[box])
    record = {
        "subject": subject.name,
        "role": role,
        "identity": task.identity,
        # A perfect one has an infinite PSNR, which JSON does not know.
        "paper": {k: None if v == math.inf else v for k, v in asdict(paper).items()},
        "evaluation": evaluation and evaluation.to_json(),
    }
    with new_folder(task.folder / subject.name, overwrite=True) as part:
        if evaluation:
            write_volume(part / SCT, sct)
        write_text(part / METRICS, json.dumps(record, indent=1))
