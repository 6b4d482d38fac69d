"""Write the report page: one HTML file with everything inside, that works without a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from mrtoct.io.atomic import require_absent, write_text
from mrtoct.judging.baselines import WATER
from mrtoct.judging.calibration import CalibrationCurve
from mrtoct.judging.curves import bias_of, levels_of
from mrtoct.judging.metrics.evaluation import DEFINITIONS
from mrtoct.judging.metrics.metric import METRICS, Metric
from mrtoct.judging.summary import FEWEST_FOR_A_CLAIM, Summary
from mrtoct.report.charts import DotRow, Series, dot_plot, line_chart
from mrtoct.report.colors import (
    DEVIATION_STOPS,
    ERROR_STOPS,
    METHOD_COLORS,
    WINDOWS,
    gradient,
)
from mrtoct.report.contents import PageContents, SubjectResult
from mrtoct.report.headline import (
    comparison,
    headline,
    judged,
    methods_of,
    number,
    people,
    signed,
)
from mrtoct.report.niivue import packed_niivue
from mrtoct.report.scales import BONE_FIRST, DEVIATION_LIMITS_HU
from mrtoct.report.scene import Scene, deviation_scale_of, subject_scene, viewer_data
from mrtoct.report.thumbnails import ERROR_HU, subject_thumbnails
from mrtoct.report.voxels import HU_STEP, pack_subjects

TILES = ("body.mae", "bone.mae", "bone.dice", "synthrad_2023.ssim")
DOT_PLOTS = ("body.mae", "soft_tissue.mae", "bone.mae", "air.mae", "bone.dice")
COHORT = (
    "body.mae",
    "body.me",
    "soft_tissue.mae",
    "bone.mae",
    "air.mae",
    "bone.dice",
    "synthrad_2023.psnr",
    "synthrad_2023.ssim",
    "slice_discontinuity",
)
CURVE_TITLES = {"loss": "Loss", "mae": "Mean absolute error, HU", "rate": "Learning rate"}
CAVEATS = ("soft_tissue.mae", "bone.mae", "air.mae", "bone.dice", "synthrad_2023.ssim")
"""Metrics on which a method of lower body MAE may be worse: the verdict then says so."""

PROFILE_WIDTHS = (1180.0, 560.0)
"""Of the same chart on a screen and on a phone, where text of the wide one would be too small."""

VIEWER_SCRIPTS = tuple(
    f"viewer/{name}.js"
    for name in ("codes", "paint", "viewer", "render3d", "save", "link", "controls")
)


def write_page(path: Path, contents: PageContents, *, overwrite: bool = False) -> None:
    """Write the page to path, whole or not at all; an existing file stays unless overwrite."""
    path = Path(path)
    require_absent(path, overwrite=overwrite)  # before the work of rendering
    write_text(path, render(contents), overwrite=overwrite)


def render(contents: PageContents) -> str:
    """Return the page's HTML."""
    methods = methods_of(contents.subjects)
    subjects, role = judged(contents.subjects)
    rows = {row.metric.key: row for row in comparison(subjects, methods)}
    colors = {name: _color(n) for n, name in enumerate(methods)}
    packed = pack_subjects(contents.subjects, budget=contents.voxel_budget)
    scenes = [subject_scene(p) for p in packed]
    niivue = packed_niivue()
    return render_template(
        "page.html.j2",
        contents=contents,
        methods=methods,
        colors=colors,
        role=role,
        judged=subjects,
        headline=headline(rows["body.mae"], methods, role, [rows[key] for key in CAVEATS]),
        tiles=[rows[key] for key in TILES],
        comparison=[r for key, r in rows.items() if not key.startswith("paper")],
        paper=[r for key, r in rows.items() if key.startswith("paper")],
        cohort=[METRICS[key] for key in COHORT],
        masks=sorted({e.mask.source for s in contents.subjects for e in s.evaluations.values()}),
        definitions=DEFINITIONS,
        dot_plots=[_dots(subjects, methods, rows[key].metric, colors) for key in DOT_PLOTS],
        bias=_bias(subjects, methods, colors),
        profiles=[
            [_profile(s, methods, colors, n, width) for width in PROFILE_WIDTHS]
            for n, s in enumerate(contents.subjects)
        ],
        levels=_levels(subjects, methods, colors),
        calibration=_calibration(contents.calibration) if contents.calibration else None,
        curves=_curves(contents.curves),
        packed=packed,
        thumbnails=[subject_thumbnails(s, deviation_scale_of(scenes)) for s in contents.subjects],
        error_limit=ERROR_HU,
        ramps={"error": gradient(ERROR_STOPS), "deviation": gradient(DEVIATION_STOPS)},
        viewer=script_json(viewer_data(scenes, served=False, niivue=niivue is not None)),
        niivue=niivue,
        scripts=(*VIEWER_SCRIPTS, "tables.js", "enlarge.js", "page.js"),
        titles=[f"{s.name} ({s.role})" for s in contents.subjects],
        **controls_for(scenes),
        method_colors=METHOD_COLORS,
        fewest=FEWEST_FOR_A_CLAIM,
        hu_step=HU_STEP,
        as_measured=all(p.stored_as_measured for p in packed),
    )


def controls_for(scenes: Sequence[Scene]) -> dict[str, Any]:
    """Return what the viewer's controls depend on: kinds of layers, overlays, first scales."""
    layers = [layer for scene in scenes for layer in scene.layers]
    return {
        "units": {layer.unit for layer in layers},
        "has_deviation_hu": any(n.unit == "deviation" and n.measure == "HU" for n in layers),
        "has_overlays": any(scene.overlays for scene in scenes),
        "first_window": BONE_FIRST,
        "deviation_limits": DEVIATION_LIMITS_HU,
        "deviation_limit": deviation_scale_of(scenes),
    }


def render_template(name: str, **values: Any) -> str:
    """Return a template of this package filled with values; text in them is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mrtoct.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "signed": signed,
        "people": people,
        "base64": _base64,
    }
    return environment.get_template(name).render(windows=WINDOWS, **values)


def script_json(value: Any) -> Markup:
    """Return JSON that cannot end the script element that holds it."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))


def _color(n: int) -> str:
    """Return the style sheet's name of the n-th colour, lighter in the dark scheme."""
    return f"var(--method-{n % len(METHOD_COLORS)})"


def _dots(
    subjects: Sequence[SubjectResult],
    methods: Sequence[str],
    metric: Metric,
    colors: Mapping[str, str],
) -> tuple[str, Markup]:
    """Return a metric's title and its dot plot, methods below each other."""
    [row] = comparison(subjects, methods, [metric])
    rows = [
        DotRow(m, colors[m], [(s.name, metric.of(s.evaluations[m])) for s in subjects], summary)
        for m, summary in zip(methods, row.summaries, strict=True)
    ]
    label = (
        f"{metric.title}{metric.unit and ' in ' + metric.unit}: a dot per subject, a row per method"
    )
    return metric.title, dot_plot(rows, label=label, unit=metric.unit)


def _bias(
    subjects: Sequence[SubjectResult], methods: Sequence[str], colors: Mapping[str, str]
) -> Markup:
    """Return mean synthetic against mean real HU: bold the mean over subjects, faint each."""
    series = []
    for method in methods:
        if method == WATER:
            continue  # a horizontal line by definition
        evaluations = [subject.evaluations[method] for subject in subjects]
        if method == methods[0] and len(subjects) > 1:
            for subject, evaluation in zip(subjects, evaluations, strict=True):
                own = [(p.ct, p.sct.mean) for p in bias_of([evaluation])]
                series.append(Series(subject.name, colors[method], own, faint=True))
        found = [(p.ct, p.sct) for p in bias_of(evaluations)]
        series.append(_summarised(method, colors[method], found, dots=method == methods[0]))
    return line_chart(
        series,
        label="Mean synthetic HU against mean real HU; the dashed line is no bias",
        x_label="real CT, HU",
        y_label="mean synthetic CT, HU",
        identity=True,
        y_range=(-1100, 2100),
        x_range=(-1100, 2100),
        height=420,
    )


def _summarised(
    name: str, color: str, found: Sequence[tuple[float, Summary]], *, dots: bool
) -> Series:
    """Return means over subjects as a line, and as its band what their spread allows to say."""
    points = [(x, summary.mean) for x, summary in found]
    spreads = [summary.spread() for _, summary in found]
    return Series(name, color, points, dots=dots, band=[(low, high) for _, low, high in spreads])


def _profile(
    subject: SubjectResult,
    methods: Sequence[str],
    colors: Mapping[str, str],
    index: int,
    width: float,
) -> Markup:
    """Return the in-mask error of each transverse slice against its height, RAS mm."""
    middle = (np.array(subject.ct.grid.shape) - 1) / 2
    series = []
    for method in methods:
        points = []
        for row in subject.evaluations[method].slice_profile:
            height = subject.ct.grid.to_world([middle[0], middle[1], row.index])[2]
            points.append((float(height), row.mae))
        series.append(Series(method, colors[method], points))
    return line_chart(
        series,
        label=f"{subject.name}: mean absolute error of each transverse slice",
        x_label="height, mm (superior to the right)",
        y_label="MAE, HU",
        identifier=f"profile-{index}-{width:g}",
        width=width,
        height=210,
    )


def _levels(
    subjects: Sequence[SubjectResult], methods: Sequence[str], colors: Mapping[str, str]
) -> Markup:
    """Return the error by level of the head, in mm below the top of the mask."""
    series = []
    for method in methods:
        levels = levels_of([subject.evaluations[method] for subject in subjects])
        found = [((level.from_mm + level.to_mm) / 2, level.mae) for level in levels]
        series.append(_summarised(method, colors[method], found, dots=True))
    return line_chart(
        series,
        label="Mean absolute error by level of the head, from its top down",
        x_label="below the top of the mask, mm (inferior to the right)",
        y_label="MAE, HU",
        height=420,
    )


def _calibration(curve: CalibrationCurve) -> tuple[Markup, Markup]:
    """Return the coverage of intervals and the sparsification curve."""
    covered = list(zip(curve.nominal, curve.observed, strict=True))
    by_deviation = list(zip(curve.removed, curve.mae_by_deviation, strict=True))
    by_error = list(zip(curve.removed, curve.mae_by_error, strict=True))
    return (
        line_chart(
            [Series("coverage", _color(0), covered, dots=True)],
            label="Part of voxels inside intervals of a nominal probability; dashed: as promised",
            x_label="nominal probability of the interval",
            y_label="part of the voxels inside",
            identity=True,
            x_range=(0, 1),
            y_range=(0, 1),
            height=360,
        ),
        line_chart(
            [
                Series("in the order of the standard deviation", _color(0), by_deviation),
                Series("in the order of the errors", _color(2), by_error),
            ],
            label="Mean absolute error of the voxels left when the most uncertain are removed",
            x_label="part of the voxels removed",
            y_label="MAE of the others, HU",
            height=360,
        ),
    )


def _curves(
    rows: Sequence[Mapping[str, float | None]],
) -> list[tuple[str, Markup, list[tuple[str, str]]]]:
    """Return a title, chart and legend for each quantity that was logged over steps.

    Columns that end alike (train_loss, validation_loss) share a chart.
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        if name not in ("step", "seconds", "epoch"):
            groups.setdefault(name.rpartition("_")[2], []).append(name)
    charts = []
    for ending, names in groups.items():
        title = CURVE_TITLES.get(ending, ending)
        series = []
        for n, name in enumerate(names):
            points = [
                (float(step), float(value))
                for row in rows
                if (step := row.get("step")) is not None
                and (value := row.get(name)) is not None
                and np.isfinite(value)
            ]
            if not points:
                continue
            readable = name.replace("_", " ").replace("mae", "MAE")
            series.append(Series(readable, _color(n), points, dots=len(points) < 60))
        if series:
            label = f"{title} over training steps"
            svg = line_chart(series, label=label, x_label="step", y_label=title, height=280)
            charts.append((title, svg, [(s.name, s.color) for s in series]))
    return charts


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
