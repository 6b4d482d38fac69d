import re
from dataclasses import replace

import numpy as np
import pytest

from browser import chromium, program
from mrtoct.report.niivue import niivue_script
from mrtoct.report.page import PageContents, PreparationRow, write_page

pytestmark = pytest.mark.skipif(program() is None, reason="needs Chromium on PATH, on Linux")


@pytest.fixture(scope="module")
def opened(make_subject, tmp_path_factory):
    """The page of three subjects in a browser, the first of them with a deviation."""
    subjects = [make_subject("sub-01", seed=1), make_subject("sub-02", seed=2, noise=60)]
    subjects.append(make_subject("sub-10", "validation", 3, noise=40))
    deviation = np.where(subjects[0].mask.voxels, 100.0, 0.0).astype(np.float32)
    subjects[0] = replace(subjects[0], deviation=subjects[0].ct.with_voxels(deviation))
    rows = [PreparationRow(s.name, "", "good", shift_mm=5.0 - n) for n, s in enumerate(subjects)]
    contents = PageContents("Made up", subjects, preparation=[*rows, PreparationRow("x", "", "?")])
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, contents)
    with chromium() as page:
        page.subjects, page.path = subjects, path
        yield page


@pytest.fixture
def page(opened):
    opened.scheme("light")
    opened.open(opened.path.as_uri())
    opened.settle()
    opened.run("document.getElementById('smooth').click(), viewer.focus()")
    opened.settle()
    yield opened
    assert opened.complaints == []


def text(page, identifier):
    return page.run(f"document.getElementById('{identifier}').textContent")


def grey(page, layer, x, y):
    """The red of a canvas' pixel, at parts of its width and height."""
    return page.run(
        f"(() => {{ const c = document.querySelector('canvas[data-layer={layer}]');"
        "const small = new OffscreenCanvas(c.width, c.height).getContext('2d');"
        "small.drawImage(c, 0, 0);"
        f"return small.getImageData({x} * c.width, {y} * c.height, 1, 1).data[0]; }})()"
    )


def choose(page, identifier, value, event="input"):
    page.run(
        f"(() => {{ const e = document.getElementById('{identifier}'); e.value = '{value}';"
        f"e.dispatchEvent(new Event('{event}')); }})()"
    )
    page.settle()


def values(readout, name):
    return float(re.search(rf"{name} \+?([−\d.]+)", readout)[1].replace("−", "-"))


def test_slices_windows_and_values_are_right(page):
    choose(page, "slice", 11)
    # The box starts at index 0 along K: slice 11 of the picture is slice 11 of the volume.
    assert text(page, "position").startswith("Slice 12 of 17")
    # Bone is in the right, anterior octant: top left. 40 HU is half way from -160 to 240.
    assert grey(page, "ct", 0.35, 0.35) == 255
    assert grey(page, "ct", 0.6, 0.6) == pytest.approx(127, abs=15)
    before = page.pixels("canvas[data-layer=ct]")
    page.press("w")
    assert page.run("document.querySelector('[data-low][aria-pressed=true]').textContent") == "Bone"
    assert grey(page, "ct", 0.6, 0.6) == pytest.approx(255 * 540 / 2000, abs=4)
    in_bone_window = page.pixels("canvas[data-layer=ct]")
    assert in_bone_window != before
    page.press("PageDown")
    assert text(page, "position").startswith("Slice 2 of 17")
    assert page.pixels("canvas[data-layer=ct]") != in_bone_window
    page.press("End")
    page.press("ArrowDown")
    assert text(page, "position").startswith("Slice 16 of 17")

    # The middle of the box, which starts at (1, 2, 0).
    choose(page, "slice", 8)
    subject, index = page.subjects[0], (11, 15, 8)
    readout = text(page, "readout")
    assert values(readout, "synthetic CT") == pytest.approx(subject.sct.voxels[index], abs=1.51)
    assert values(readout, "real CT") == pytest.approx(subject.ct.voxels[index], abs=1.51)
    assert values(readout, "standard deviation") == pytest.approx(100, abs=1)


def test_a_click_moves_the_crosshair_of_all_planes(page):
    page.press("a")
    assert page.run("document.querySelectorAll('#panels canvas').length") == 15
    sagittal = "canvas[data-layer=mr][data-plane=sagittal]"
    before = page.pixels(sagittal)
    page.click("canvas[data-layer=ct][data-plane=transverse]", 0.42, 0.5)
    # Left on the picture is right in the patient. The middle is at 3 mm, and the longest side,
    # 26 voxels of 2.5 mm, takes 0.94 of the canvas.
    right = re.match(r"(\w) (\d+)", text(page, "readout"))
    assert right[1] == "R"
    assert int(right[2]) == pytest.approx(3 + 0.08 * 65 / 0.94, abs=2)
    assert page.pixels(sagittal) != before
    page.press("c")
    planes = page.run("[...document.querySelectorAll('#panels canvas')].map(c => c.dataset.plane)")
    assert planes == ["coronal"] * 5


def test_an_overlay_fades_and_swipes(page):
    plain = {layer: page.pixels(f"canvas[data-layer={layer}]") for layer in ("mr", "sct", "ct")}
    page.press("o")
    assert page.run("document.getElementById('overlay').selectedOptions[0].text") == (
        "real CT over synthetic"
    )
    choose(page, "opacity", 100)
    whole = page.pixels("canvas[data-layer=sct]")
    # Opaque, the real CT has replaced the synthetic one; clear, it is gone.
    assert np.abs(np.subtract(whole, plain["ct"])).max() <= 2
    assert whole != plain["sct"]
    choose(page, "opacity", 50)
    middle = (np.array(plain["sct"], float) + plain["ct"]) / 2
    assert np.abs(page.pixels("canvas[data-layer=sct]") - middle).max() <= 3
    choose(page, "opacity", 0)
    assert page.pixels("canvas[data-layer=sct]") == plain["sct"]

    page.run("document.getElementById('swipe').click()")
    page.mouse("mouseMoved", page.place("canvas[data-layer=sct]", 0.5, 0.5))
    page.settle()
    now = np.reshape(page.pixels("canvas[data-layer=sct]"), (64, 64, 3))
    was, real = (np.reshape(plain[layer], (64, 64, 3)) for layer in ("sct", "ct"))
    # Within the head; the edges hold letters.
    assert np.array_equal(now[20:44, 8:28], was[20:44, 8:28])
    assert np.array_equal(now[20:44, 36:56], real[20:44, 36:56])

    page.run("document.getElementById('swipe').click()")
    choose(page, "overlay", 1, "change")
    choose(page, "opacity", 100)
    choose(page, "error-scale", 50, "change")
    assert page.pixels("canvas[data-layer=sct]") == plain["sct"]
    assert page.pixels("canvas[data-layer=mr]") != plain["mr"]


def test_the_window_follows_the_mouse_and_the_fields(page):
    before = page.pixels("canvas[data-layer=sct]")
    page.drag("canvas[data-layer=ct]", (80, 0), button="right")
    assert page.run("Number(document.getElementById('width').value)") > 500
    assert page.run("Number(document.getElementById('center').value)") == 40
    assert page.pixels("canvas[data-layer=sct]") != before
    mr = page.pixels("canvas[data-layer=mr]")
    page.drag("canvas[data-layer=mr]", (80, 0), button="right")
    assert page.pixels("canvas[data-layer=mr]") != mr
    choose(page, "center", 500, "change")
    choose(page, "width", 2000, "change")
    assert page.run("document.querySelector('[data-low][aria-pressed=true]').textContent") == "Bone"


def test_zoom_keeps_the_crosshair_in_the_middle(page):
    whole, black = page.pixels("canvas[data-layer=ct]"), grey(page, "ct", 0.5, 0.1)
    for _ in range(4):
        page.press("+")
    zoomed = page.pixels("canvas[data-layer=ct]")
    assert zoomed != whole
    # Zoomed, the head fills what was black around it.
    assert grey(page, "ct", 0.5, 0.1) > black == 0
    page.click("canvas[data-layer=ct]", 0.5, 0.5)
    assert text(page, "readout").startswith("R 3  P 3  S 22 mm")
    page.press("0")
    page.press("x")
    assert grey(page, "ct", 0.5, 0.1) == black
    assert np.abs(np.subtract(page.pixels("canvas[data-layer=ct]"), whole)).max() <= 2


def test_tables_sort_by_mouse_and_keyboard(page):
    def order(section):
        return page.run(
            f"[...document.querySelectorAll('#{section} tbody tr')].map(r => r.cells[0].innerText)"
        )

    by_error = [
        s.name for s in sorted(page.subjects, key=lambda s: s.evaluations["u-net"].body.mae)
    ]
    heading = "#subjects thead th:nth-child(4)"
    page.click(f"{heading} button")
    assert order("subjects") == by_error
    assert page.run(f"document.querySelector('{heading}').getAttribute('aria-sort')") == "ascending"
    page.run(f"document.querySelector('{heading} button').focus()")
    page.press("Enter")
    assert order("subjects") == by_error[::-1]
    state = f"document.querySelector('{heading}').getAttribute('aria-sort')"
    assert page.run(state) == "descending"
    # The row without a value comes last either way.
    for expected in (["sub-10", "sub-02", "sub-01", "x"], ["sub-01", "sub-02", "sub-10", "x"]):
        page.click("#preparation thead th:nth-child(4) button")
        assert order("preparation") == expected


def test_another_subject_is_chosen_by_key_and_by_its_name(page):
    page.press("n")
    assert page.run("document.getElementById('scene').value") == "1"
    # It has no deviation.
    assert page.run("document.querySelectorAll('#panels canvas').length") == 4
    page.click('[data-show="2"]')
    page.settle()
    shown = page.run("[...document.querySelectorAll('.subject')].map(part => !part.hidden)")
    assert shown == [False, False, True]
    assert text(page, "viewer-error") == ""


def test_light_and_dark_and_narrow(page):
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.run(background)
    page.scheme("dark")
    assert page.run(background) != light
    page.resize(390, 800)
    page.settle()
    assert page.run("document.documentElement.scrollWidth") <= 390
    page.resize(1400, 1000)


def test_keys_are_explained(page):
    page.press("?")
    said = page.run("document.getElementById('keys').innerText")
    for key in ("Page ↑", "W", "O", "X", "N"):
        assert key in said


def test_3d_turns_and_gives_way_to_slices(page):
    if niivue_script() is None:
        pytest.skip("this installation was built without NiiVue")
    page.press("3")
    canvases = "document.querySelectorAll('#panels .square canvas').length"
    page.wait(f"{canvases} === 3 && viewer.getAttribute('aria-busy') === 'false'")
    shot = "(() => { const c = document.querySelector('.square canvas');"
    shot += "return [c.width > 100, Boolean(c.getContext('webgl2'))]; })()"
    assert page.run(shot) == [True, True]
    page.press("t")
    assert page.run("document.querySelectorAll('#panels canvas').length") == 5
    assert page.run("document.getElementById('viewer-error').hidden")
