"""What page and Markdown both show of a study."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mrtoct._version import __version__
from mrtoct.io.json_text import json_text
from mrtoct.judging.metrics.metric import METRICS
from mrtoct.report.headline import number
from mrtoct.study.answers import (
    Answer,
    in_a_sentence,
    map_questions,
    paper_questions,
    warnings,
)
from mrtoct.study.figures import Picture
from mrtoct.study.paper_tables import PAPERS_COHORT, paper_tables
from mrtoct.study.results import Results
from mrtoct.study.tables import (
    Table,
    details,
    every_method,
    questions,
    split_table,
    trainings,
)
from mrtoct.wording import counted


@dataclass(frozen=True)
class Contents:
    """A study in words, tables and pictures."""

    title: str
    introduction: tuple[str, ...]
    warnings: list[str]
    findings: list[str]
    sections: list[tuple[str, list[Table]]]
    pictures: list[Picture]
    notes: list[str]


def contents_of(results: Results, pictures: list[Picture]) -> Contents:
    """Return everything to be shown of what is finished."""
    plan = results.plan
    answered, beaten = paper_questions(results), map_questions(results)
    unfinished = [
        e.name for e in plan.experiments if any(m.name not in results.judged for m in e.methods)
    ]
    introduction = [
        "The experiments of Kaiser & Albarqouni, MRI to CT Translation with GANs (2019), run again "
        f"on {results.cohort}: {counted(len(plan.fingerprints), 'subject')}, "
        + (
            f"{len(plan.splits)}-fold cross-validation over subjects."
            if len(plan.splits) > 1
            else f"{len(plan.splits[0].train)} to train and {len(plan.splits[0].validation)} to "
            "validate."
        ),
        f"The paper's own figures are of {PAPERS_COHORT}. They are shown next to ours only for "
        "their order of magnitude.",
    ]
    if plan.settings.minutes is not None:
        introduction.append(
            f"Scaled down to {number(plan.settings.minutes, 1)} minutes of training in all: see "
            "How."
        )
    if unfinished:
        introduction.append(f"Not finished yet: {', '.join(unfinished)}.")
    paired = "Is it better on the same subjects?"
    return Contents(
        title=f"MRI to CT with GANs, reproduced on {results.cohort}",
        introduction=tuple(introduction),
        warnings=warnings(results),
        findings=[in_a_sentence(each[0]) for each in answered],
        sections=[
            ("The paper's tables", paper_tables(results)),
            (
                "All models",
                [
                    every_method(results, "train"),
                    every_method(results, "validation"),
                    details(results),
                ],
            ),
            (
                "Paired comparisons",
                [
                    questions(answered, "The paper's questions", paired),
                    questions(beaten, "Against the best map from MR value to HU", paired),
                ],
            ),
            ("Training", [trainings(results), split_table(results)]),
        ],
        pictures=pictures,
        notes=_notes(results),
    )


def _notes(results: Results) -> list[str]:
    plan = results.plan
    fine = plan.experiment("pix2pix-boost")
    notes = [
        *plan.notes,
        "The u-net of section 4.2 is that of section 4.1: here all networks are trained on the "
        "same slices, those that the MR covers.",
        "Fine-tuning continues from pix2pix's last state, including the discriminator, so it is "
        f"also a longer training; errors in the brain are weighted {1 + fine.recipe.focus.brain:g} "
        "times.",
        "Every training keeps the checkpoint with the lowest validation error.",
        "The paper's metrics run over the box around the head where the MR was measured.",
    ]
    if plan.left_out:
        notes.append(f"Left out because of a doubtful registration: {', '.join(plan.left_out)}.")
    notes.append(f"mrtoct {__version__}.")
    return notes


def as_json(results: Results, contents: Contents) -> str:
    """Return settings, recipes and every number as JSON text."""
    plan = results.plan
    record = {
        "mrtoct": __version__,
        "cohort": results.cohort,
        "settings": asdict(plan.settings),
        "splits": [asdict(s) for s in plan.splits],
        "warnings": contents.warnings,
        "trainings": [
            {
                "name": t.title,
                "recipe": t.experiment.recipe.model_dump(mode="json"),
                "steps": t.steps,
                "seconds": t.seconds,
                "device": t.device,
                "curves": [asdict(p) for p in t.curves],
                "signs_of_collapse": t.collapse,
            }
            for t in results.trainings
        ],
        "methods": {
            m.name: {
                "title": m.title,
                "validation": {
                    metric.key: asdict(results.summary(m.name, metric))
                    for metric in METRICS.values()
                },
                "subjects": [
                    {
                        "subject": j.subject,
                        "role": j.role,
                        "evaluation": j.evaluations[m.name].to_json(),
                    }
                    for j in results.judged[m.name]
                ],
            }
            for m in results.methods
        },
        "questions": [
            _answer(a)
            for each in (*paper_questions(results), *map_questions(results))
            for a in each
        ],
    }
    return json_text(record)


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question.text,
        "method": answer.question.method,
        "rival": answer.question.rival,
        "metric": answer.metric.key,
        "verdict": answer.verdict,
        "p": answer.p,
        **asdict(answer.paired),
    }
