import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.judging.calibration import calibration_curve, head_voxels
from mrtoct.judging.curves import bias_of, levels_of
from mrtoct.report.contents import PageContents, PreparationRow, SubjectResult
from mrtoct.report.page import render, write_page
from mrtoct.volume import Grid, Volume

CURVES = [
    {"step": 0, "seconds": 0.0, "train_loss": 0.5, "validation_mae": 300.0},
    {"step": 10, "seconds": 1.5, "train_loss": 0.3, "validation_mae": None},
    {"step": 20, "seconds": 3.0, "train_loss": float("nan"), "validation_mae": 120.0},
]


@pytest.fixture(scope="module")
def contents(subjects):
    return PageContents(
        title='Heads <of> "boxes" & air',
        subjects=subjects,
        curves=CURVES,
        preparation=[
            PreparationRow(
                "sub-01",
                "23 x 29 x 17",
                "good",
                4.25,
                1.5,
                -0.6,
                [(0, "not seen")],
                0.97,
                {"metal": 0.031},
            ),
            PreparationRow("sub-02", "23 x 29 x 17", "not registered"),
        ],
        provenance={"recipe": "unet", "seed": "7"},
        notes=["Made up."],
    )


class Outline(HTMLParser):
    """Collects what a page would fetch, its identifiers and its visible text."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.ids, self.text, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []
        for key in ("src", "data", "poster", "srcset") + (("href",) if tag == "link" else ()):
            self.fetched += [found[key]] if key in found else []
        self.open += [tag] if tag in ("script", "style") else []

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.open.pop()

    def handle_data(self, data):
        if not self.open:
            self.text.append(data)


@pytest.fixture(scope="module")
def html(contents):
    return render(contents)


def test_page_is_whole_and_fetches_nothing(html):
    outline = Outline(html)
    assert all(address.startswith("data:image/jpeg;base64,") for address in outline.fetched)
    assert len(outline.ids) == len(set(outline.ids))
    assert "default-src 'none'" in html
    # NiiVue's notice names its home in a comment.
    shown = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", shown)


def test_page_says_what_was_measured(html, subjects):
    text = " ".join(" ".join(Outline(html).text).split())
    assert 'Heads <of> "boxes" & air' in text
    assert "Research software, not a medical device." in text
    assert "u-net has a lower error than water in each of 2 test subjects." in text
    mean = np.mean([s.evaluations["u-net"].body.mae for s in subjects[:2]])
    assert f"{mean:.1f}" in text
    for expected in (
        "made-up box",
        "slice 0: not seen",
        "metal: 3.1 %",
        "97 %",
        "not registered",
        "Made up.",
        "unet",
    ):
        assert expected in text
    for subject in subjects:
        assert f"{subject.evaluations['u-net'].bone.mae:.1f}" in text


def test_every_logged_quantity_has_a_chart_with_its_finite_points(html):
    [losses] = re.findall(r'<svg[^>]*aria-label="Loss over training steps".*?</svg>', html)
    [errors] = re.findall(r'<svg[^>]*aria-label="Mean absolute error, HU over.*?</svg>', html)
    assert losses.count("<circle") == 2
    assert errors.count("<circle") == 2
    assert "train loss" in losses
    assert "validation MAE" in errors


def test_a_title_cannot_inject_markup(html):
    assert "<of>" not in html


def test_sections_without_content_are_left_out(subjects):
    bare = Outline(render(PageContents("t", subjects[:1])))
    assert {"result", "images", "errors", "subjects", "about"} <= set(bare.ids)
    assert not {"training", "preparation"} & set(bare.ids)


def test_file_is_written_whole_and_kept(contents, tmp_path):
    path = tmp_path / "new" / "report.html"
    write_page(path, contents)
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    path.write_text("precious")
    with pytest.raises(FileError, match=r"report\.html"):
        write_page(path, contents)
    assert path.read_text() == "precious"
    write_page(path, contents, overwrite=True)
    assert len(path.read_text(encoding="utf-8")) > 10_000


def test_uncertainty_is_shown_where_it_was_estimated(contents, subjects):
    assert "uncertainty" not in Outline(render(contents)).ids
    generator = np.random.default_rng(5)
    deviation = subjects[0].ct.with_voxels(generator.uniform(5, 60, subjects[0].ct.grid.shape))
    judged = replace(subjects[0], deviation=deviation)
    curve = calibration_curve(*head_voxels(judged.sct, deviation, judged.ct, judged.mask))
    changed = replace(contents, subjects=[judged, *subjects[1:]], calibration=curve)
    outline = Outline(render(changed))
    assert {"uncertainty", "voxels-0-deviation"} <= set(outline.ids)
    assert "voxels-1-deviation" not in outline.ids
    text = " ".join(" ".join(outline.text).split())
    assert f"{100 * curve.coverage(0.6827):.0f} % of the voxels are within one" in text


def points_of(chart, name):
    """The data points of a chart's bold line of a name."""
    [bold] = re.findall(rf'points="([^"]*)" class="line" [^>]*><title>{name}', chart)
    across, along = (
        [float(v) for v in re.search(rf'data-{axis}="([^"]*)"', chart)[1].split()] for axis in "xy"
    )
    left, right, top, bottom = (
        float(v) for v in re.search(r'data-plot="([^"]*)"', chart)[1].split()
    )
    found = []
    for pair in bold.split():
        x, y = (float(v) for v in pair.split(","))
        found.append(
            (
                across[0] + (x - left) / (right - left) * (across[1] - across[0]),
                along[0] + (bottom - y) / (bottom - top) * (along[1] - along[0]),
            )
        )
    return found


def test_the_curves_are_those_of_the_figures_with_the_subject_as_the_unit(html, subjects):
    ours = [s.evaluations["u-net"] for s in subjects[:2]]
    [levels] = re.findall(r"<svg[^>]*by level of the head.*?</svg>", html)
    expected = [((e.from_mm + e.to_mm) / 2, e.mae.mean) for e in levels_of(ours)]
    np.testing.assert_allclose(points_of(levels, "u-net"), expected, rtol=0.02, atol=0.2)
    [bias] = re.findall(r"<svg[^>]*against mean real HU.*?</svg>", html)
    expected = [(p.ct, p.sct.mean) for p in bias_of(ours)]
    np.testing.assert_allclose(points_of(bias, "u-net"), expected, rtol=0.02, atol=8)
    assert {s.name for s in subjects[:2]} <= set(re.findall("<title>(.*?)</title>", bias))
    # Two subjects have no interval, but a range.
    assert levels.count('class="band"') == 2


def test_subjects_must_fit_together(subjects):
    subject = subjects[0]
    moved = Volume(subject.mr.voxels, Grid(subject.mr.grid.shape, np.eye(4)), "a.u.")
    with pytest.raises(GeometryError, match="sub-01: MR"):
        replace(subject, mr=moved)
    with pytest.raises(ValueRangeError, match="sub-01 has no evaluation"):
        replace(subject, evaluations={})
    assert SubjectResult is type(subject)


def test_coarser_storage_is_admitted_on_the_page(contents):
    assert "coarser resolution" in render(replace(contents, voxel_budget=3000))
    assert "coarser resolution" not in render(contents)
