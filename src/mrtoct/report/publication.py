"""Write every figure of an assessment for a paper: PNG and PDF, and captions that say what is seen.

DIR/overview.png, .pdf          a row per subject, all at one level
DIR/subject-<name>.png, .pdf    one subject in three planes
DIR/uncertainty-<name>...       its standard deviation beside its error, where it was estimated
DIR/accuracy.png, .pdf          bias curve and error by tissue
DIR/levels.png, .pdf            error by level of the head
DIR/agreement.png, .pdf         distribution of errors, differences against means
DIR/CAPTIONS.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from mrtoct.errors import FileError
from mrtoct.io.atomic import new_file, require_absent
from mrtoct.judging.metrics.tissue import FEWEST_IN_BIN
from mrtoct.judging.summary import FEWEST_FOR_A_CLAIM
from mrtoct.report.agreement import Agreement, agreement, agreement_figure
from mrtoct.report.contents import SubjectResult
from mrtoct.report.figures import (
    ERROR_LIMIT_HU,
    FIGURE_WINDOW,
    cut_text,
    overview_depth,
    panel_figure,
    subject_figure,
    uncertainty_figure,
)
from mrtoct.report.headline import judged, methods_of, number, people, signed
from mrtoct.report.panels import paper_style
from mrtoct.report.plots import accuracy_figure, levels_figure

CAPTIONS = "CAPTIONS.md"
ROWS_A_PAGE = 4
FORMATS = ("png", "pdf")
# Without the day and the maker a figure drawn again is the same file.
METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@dataclass(frozen=True)
class Publication:
    """A figure, its file's name without ending, and what it shows."""

    name: str
    figure: Figure
    caption: str


def write_figures(
    folder: Path, subjects: Sequence[SubjectResult], *, overwrite: bool = False
) -> list[Path]:
    """Write all figures and CAPTIONS.md into a folder, all or none, and return their paths.

    Other files there stay; files of the same names are refused unless overwrite.
    """
    chosen, _ = judged(subjects)
    require_no_figures(folder, [s.name for s in chosen], overwrite=overwrite)
    written = []
    captions = ["# Captions", _common(chosen)]
    with ExitStack() as files, paper_style():
        for made in publications(chosen):
            captions.append(f"**{made.name}.** {made.caption}")
            for ending in FORMATS:
                path = folder / f"{made.name}.{ending}"
                part = files.enter_context(new_file(path, overwrite=overwrite))
                save(made.figure, part, ending)
                written.append(path)
        part = files.enter_context(new_file(folder / CAPTIONS, overwrite=overwrite))
        part.write_text("\n\n".join(captions) + "\n", encoding="utf-8")
    return [*written, folder / CAPTIONS]


def save(figure: Figure, path: Path, ending: str) -> None:
    """Write a figure as png or pdf, the same bytes for the same figure; text stays text."""
    figure.savefig(path, format=ending, metadata=METADATA[ending])


def require_no_figures(folder: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Raise FileError if figures of these subjects cannot be written there, before the work."""
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is a file; a folder name is needed for the figures")
    of_subjects = [f"{kind}-{name}" for name in names for kind in ("subject", "uncertainty")]
    for name in ("accuracy", "levels", "agreement", *_overviews(len(names)), *of_subjects):
        for ending in FORMATS:
            require_absent(folder / f"{name}.{ending}", overwrite=overwrite)
    require_absent(folder / CAPTIONS, overwrite=overwrite)


def publications(subjects: Sequence[SubjectResult]) -> Iterator[Publication]:
    """Yield every figure of the subjects, one at a time: a large cohort has many."""
    depth = overview_depth(subjects)
    for n, name in enumerate(_overviews(len(subjects))):
        page = subjects[n * ROWS_A_PAGE : (n + 1) * ROWS_A_PAGE]
        yield Publication(
            name, panel_figure(page, depth=depth), _overview_caption(page, len(subjects), depth)
        )
    for subject in subjects:
        yield Publication(
            f"subject-{subject.name}", subject_figure(subject), _subject_caption(subject)
        )
        if subject.deviation is not None:
            yield Publication(
                f"uncertainty-{subject.name}",
                uncertainty_figure(subject),
                _uncertainty_caption(subject),
            )
    methods = {m: [s.evaluations[m] for s in subjects] for m in methods_of(subjects)}
    spread = _spread(len(subjects))
    yield Publication("accuracy", accuracy_figure(methods), _accuracy_caption(spread))
    yield Publication("levels", levels_figure(methods), _levels_caption(spread))
    found = agreement(subjects)
    yield Publication(
        "agreement", agreement_figure(found), _agreement_caption(found, len(subjects))
    )


def _overviews(subjects: int) -> list[str]:
    """Return the names of the pages with so many subjects in all."""
    pages = -(-subjects // ROWS_A_PAGE)
    return ["overview"] if pages == 1 else [f"overview-{n}" for n in range(1, pages + 1)]


def _common(subjects: Sequence[SubjectResult]) -> str:
    """Return what holds for every figure: who, where, which window."""
    masks = sorted({e.mask.source for s in subjects for e in s.evaluations.values()})
    role = subjects[0].role
    flattering = (
        " These subjects were used for training or for choosing the model: the figures are "
        "optimistic."
        if role in ("train", "validation")
        else ""
    )
    return (
        f"{people(len(subjects), role)}; synthetic CT by {methods_of(subjects)[0]}. All numbers "
        f"and pictures are inside the mask: {'; '.join(masks)}.{flattering} CT in the window "
        f"{_hu(FIGURE_WINDOW.low)} to {_hu(FIGURE_WINDOW.high)} HU, differences (synthetic minus "
        f"real) from {_hu(-ERROR_LIMIT_HU)} to {_hu(ERROR_LIMIT_HU)} HU: blue where the synthetic "
        "CT is too low, black where it is right, orange where too high, grey outside the mask. MR "
        "from its 0.5th to its 99.5th percentile in the mask. R, L: the patient's right and left; "
        "A, P: front and back; S, I: up and down."
    )


def _overview_caption(page: Sequence[SubjectResult], subjects: int, depth: float) -> str:
    method = methods_of(page)[0]
    errors = ", ".join(f"{s.name} {number(s.evaluations[method].body.mae, 0)} HU" for s in page)
    return (
        f"MR, synthetic CT, real CT and their difference, transverse, {depth:.0f} mm below the top "
        f"of the mask in each subject ({len(page)} of {subjects}), where the real CTs together "
        f"have the most bone and air. MAE of the whole mask: {errors}."
    )


def _subject_caption(subject: SubjectResult) -> str:
    method = methods_of([subject])[0]
    found = subject.evaluations[method]
    return (
        f"{subject.name}: MR, synthetic CT, real CT and their difference at {cut_text(subject)} "
        "(its own RAS coordinates; levels are chosen on the real CT alone). "
        f"MAE {number(found.body.mae, 0)} HU, in bone {number(found.bone.mae, 0)} HU."
    )


def _uncertainty_caption(subject: SubjectResult) -> str:
    return (
        f"{subject.name}: synthetic CT, real CT, the absolute value of their difference, and the "
        f"standard deviation that the model gave beforehand, the last two from 0 to "
        f"{_hu(ERROR_LIMIT_HU)} HU, at {cut_text(subject)}."
    )


def _accuracy_caption(spread: str) -> str:
    return (
        "(a) Mean HU of the synthetic CT by HU of the real CT, in bins of 100 HU: mean "
        f"over subjects, {spread}; bins with at least {FEWEST_IN_BIN} voxels in half of the "
        "subjects. The dashed line is no bias. (b) Mean absolute error by tissue of the real CT: "
        f"soft tissue −250 to 250 HU, bone above, air below. A dot is a subject, a tick the mean; "
        f"{spread}."
    )


def _levels_caption(spread: str) -> str:
    return (
        "Mean absolute error by level, in mm below the top of the mask, (a) of all voxels, (b) of "
        f"bone (above 250 HU in the real CT): mean over subjects, {spread}; levels that at least "
        "half of the subjects reach."
    )


def _agreement_caption(found: Agreement, subjects: int) -> str:
    return (
        f"{number(found.voxels, 0)} voxels of {people(subjects)}, each subject counting alike. "
        "(a) Distribution of the difference by "
        "tissue of the real CT; each adds up to 100 %. (b) Difference against mean "
        f"(Bland and Altman): mean {signed(found.mean, 0)} HU (solid), 95 % of the voxels between "
        f"{signed(found.low, 0)} and {signed(found.high, 0)} HU (dashed). Voxels of one head are "
        "not independent: these limits describe voxels, not subjects."
    )


def _spread(subjects: int) -> str:
    if subjects == 1:
        return "one subject, so without a spread"
    if subjects < FEWEST_FOR_A_CLAIM:
        return f"band: range of the {subjects} subjects"
    return f"band: 95 % bootstrap interval of the mean of {subjects} subjects"


def _hu(value: float) -> str:
    return number(value, 0)
