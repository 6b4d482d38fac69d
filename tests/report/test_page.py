import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.report.page import PageContents, PreparationRow, SubjectResult, render, write_page
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
                "sub-01", "23 x 29 x 17", "good", 4.25, 1.5, -0.6, [(0, "not seen")], 0.97
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
    assert outline.fetched == []
    assert len(outline.ids) == len(set(outline.ids))
    assert "default-src 'none'" in html
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", html)


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


PROBE = """
<script>
(async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const settled = async () => {
    for (let n = 0; n < 200 && viewer.getAttribute("aria-busy") !== "false"; n++) await wait(20);
    await wait(60);
  };
  const viewer = document.getElementById("viewer"), slider = document.getElementById("slice");
  const canvas = (kind) => document.querySelector(`canvas[data-kind=${kind}]`);
  const pixel = (kind, x, y) => {
    const c = canvas(kind);
    const at = [Math.floor(x * c.width), Math.floor(y * c.height)];
    return [...c.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
  };
  const sum = (kind) => {
    const c = canvas(kind);
    return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.reduce((a, b) => a + b, 0);
  };
  const text = (id) => document.getElementById(id).textContent;
  const result = {};
  await settled();
  document.getElementById("smooth").click();
  slider.value = 11; slider.dispatchEvent(new Event("input")); await wait(60);
  result.position = text("position");
  // Bone is in the right, anterior octant: top left.
  result.boneTopLeft = pixel("ct", 0.35, 0.35)[0];
  result.softBottomRight = pixel("ct", 0.6, 0.6)[0];
  result.readout = text("readout");
  result.before = sum("ct");
  document.querySelectorAll("[data-low]")[2].click(); await wait(60);
  result.boneWindow = sum("ct");
  result.softInBoneWindow = pixel("ct", 0.6, 0.6)[0];
  slider.value = 6; slider.dispatchEvent(new Event("input")); await wait(60);
  result.otherSlice = sum("ct");
  viewer.focus();
  const press = async (key) => {
    viewer.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    await wait(60);
  };
  await press("ArrowUp");
  result.afterKey = Number(slider.value);
  await press("a");
  result.allPlanes = document.querySelectorAll("#panels canvas").length;
  await press("c");
  result.coronal = [...document.querySelectorAll("#panels canvas")].map((c) => c.dataset.plane);
  const ct = canvas("ct"), box = ct.getBoundingClientRect();
  ct.dispatchEvent(new PointerEvent("pointerdown", {
    clientX: box.left + 0.5 * box.width, clientY: box.top + 0.5 * box.height, bubbles: true }));
  await wait(60);
  result.clicked = text("readout");
  const heading = [...document.querySelectorAll("table.sortable th button")][3];
  heading.click(); heading.click();
  const names = document.querySelectorAll("table.sortable tbody th");
  result.order = [...names].map((th) => th.dataset.value);
  document.querySelector('[data-show="1"]').click(); await settled();
  result.subject = document.getElementById("subject").value;
  result.shown = [...document.querySelectorAll(".subject")].map((part) => !part.hidden);
  result.error = document.getElementById("viewer-error").hidden;
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify(result);
  document.body.append(out);
})();
</script>
"""


def test_page_works_in_a_browser(contents, html, subjects, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("needs Chromium on PATH")
    path = tmp_path / "page.html"
    # Chromium draws no frames when it only dumps the document.
    frames = "<script>window.requestAnimationFrame = (draw) => setTimeout(draw, 0);</script>"
    probed = html.replace("<header", frames + "<header", 1).replace("</body>", PROBE + "</body>")
    path.write_text(probed, encoding="utf-8")
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--enable-logging=stderr --window-size=1400,1000 --virtual-time-budget=20000 --dump-dom"
    )
    command = [browser, *options.split(), f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    # Reading pixels, as the probe does and the page does not, makes Chromium give advice.
    spoken = [
        line
        for line in done.stderr.splitlines()
        if "CONSOLE" in line and "willReadFrequently" not in line
    ]
    assert spoken == []
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    result = json.loads(found.group(1))

    assert result["error"], "the viewer reports an error"
    # The box starts at index 0 along K: slice 11 of the picture is slice 11 of the volume.
    assert result["position"].startswith("Slice 12 of 17")
    assert result["boneTopLeft"] == 255
    # 40 HU is half way from -160 to 240, and a little above a quarter from -500 to 1500.
    assert result["softBottomRight"] == pytest.approx(127, abs=15)
    assert result["softInBoneWindow"] == pytest.approx(255 * 540 / 2000, abs=4)
    assert result["boneWindow"] < result["before"]
    assert result["otherSlice"] != result["boneWindow"]
    assert result["afterKey"] == 7
    assert result["allPlanes"] == 12
    assert result["coronal"] == ["coronal"] * 4

    # The middle of the box, which starts at (1, 2, 0), in all three readouts.
    subject = subjects[0]
    for text, index in ((result["readout"], (11, 15, 11)), (result["clicked"], (11, 15, 8))):
        values = [float(v.replace("−", "-")) for v in re.findall(r"CT ([−\d.]+) HU", text)]
        assert values == pytest.approx(
            [subject.sct.voxels[index], subject.ct.voxels[index]], abs=1.51
        )
    by_error = sorted(subjects, key=lambda s: -s.evaluations["u-net"].body.mae)
    assert result["order"] == [s.name for s in by_error]
    assert result["subject"] == "1"
    assert result["shown"] == [False, True, False]
