"""Write the report page: one HTML file with everything inside, that works without a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from mrtoct.io.atomic import require_absent, write_text
from mrtoct.judging.metrics.evaluation import DEFINITIONS
from mrtoct.judging.metrics.metric import METRICS
from mrtoct.judging.summary import FEWEST_FOR_A_CLAIM
from mrtoct.report.colors import (
    DEVIATION_STOPS,
    ERROR_STOPS,
    METHOD_COLORS,
    WINDOWS,
    gradient,
)
from mrtoct.report.contents import PageContents
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
from mrtoct.report.page_charts import (
    bias_chart,
    calibration_charts,
    curve_charts,
    levels_chart,
    method_color,
    metric_dots,
    profile_chart,
)
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
    colors = {name: method_color(n) for n, name in enumerate(methods)}
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
        dot_plots=[metric_dots(subjects, methods, rows[key].metric, colors) for key in DOT_PLOTS],
        bias=bias_chart(subjects, methods, colors),
        profiles=[
            [profile_chart(s, methods, colors, n, width) for width in PROFILE_WIDTHS]
            for n, s in enumerate(contents.subjects)
        ],
        levels=levels_chart(subjects, methods, colors),
        calibration=calibration_charts(contents.calibration) if contents.calibration else None,
        curves=curve_charts(contents.curves),
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


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
