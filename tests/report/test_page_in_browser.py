import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from browser import (
    click,
    complaints,
    drag_with_right_button,
    hover,
    pixels,
    press,
    settle,
    show,
)
from mrtoct.report.contents import PageContents, PreparationRow, SubjectResult
from mrtoct.report.niivue import niivue_script
from mrtoct.report.page import write_page


@dataclass(frozen=True)
class Report:
    """A page of three subjects, the first of them with a deviation, and where it lies."""

    subjects: list[SubjectResult]
    address: str


@pytest.fixture(scope="module")
def report(make_subject, tmp_path_factory):
    subjects = [make_subject("sub-01", seed=1), make_subject("sub-02", seed=2, noise=60)]
    subjects.append(make_subject("sub-10", "validation", 3, noise=40))
    deviation = np.where(subjects[0].mask.voxels, 100.0, 0.0).astype(np.float32)
    subjects[0] = replace(subjects[0], deviation=subjects[0].ct.with_voxels(deviation))
    rows = [PreparationRow(s.name, "", "good", shift_mm=5.0 - n) for n, s in enumerate(subjects)]
    contents = PageContents("Made up", subjects, preparation=[*rows, PreparationRow("x", "", "?")])
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, contents)
    return Report(subjects, path.as_uri())


@pytest.fixture(scope="module")
def wrong(tab):
    return complaints(tab)


@pytest.fixture
def page(tab, wrong, report):
    tab.emulate_media(color_scheme="light")
    show(tab, report.address)
    tab.evaluate("document.getElementById('smooth').click(), viewer.focus()")
    tab.evaluate("document.querySelector('[data-low^=\"-160\"]').click()")
    settle(tab)
    yield tab
    assert wrong == []


def text(page, identifier):
    return page.locator(f"#{identifier}").text_content()


def chosen_window(page):
    return page.locator("[data-low][aria-pressed=true]").inner_text()


def grey(page, layer, x, y):
    """The red of a canvas' pixel, at parts of its width and height."""
    return page.evaluate(
        f"(() => {{ const c = document.querySelector('canvas[data-layer={layer}]');"
        "const small = new OffscreenCanvas(c.width, c.height).getContext('2d');"
        "small.drawImage(c, 0, 0);"
        f"return small.getImageData({x} * c.width, {y} * c.height, 1, 1).data[0]; }})()"
    )


def choose(page, identifier, value, event="input"):
    page.evaluate(
        f"(() => {{ const e = document.getElementById('{identifier}'); e.value = '{value}';"
        f"e.dispatchEvent(new Event('{event}')); }})()"
    )
    settle(page)


def values(readout, name):
    return float(re.search(rf"{name} \+?([−\d.]+)", readout)[1].replace("−", "-"))


def test_slices_windows_and_values_are_right(page, report):
    choose(page, "slice", 11)
    # The box starts at index 0 along K: slice 11 of the picture is slice 11 of the volume.
    assert text(page, "position").startswith("Slice 12 of 17")
    # Bone is in the right, anterior octant: top left. 40 HU is half way from -160 to 240.
    assert grey(page, "ct", 0.35, 0.35) == 255
    assert grey(page, "ct", 0.6, 0.6) == pytest.approx(127, abs=15)
    before = pixels(page, "canvas[data-layer=ct]")
    press(page, "w")
    assert (
        page.evaluate("document.querySelector('[data-low][aria-pressed=true]').textContent")
        == "Bone"
    )
    assert grey(page, "ct", 0.6, 0.6) == pytest.approx(255 * 540 / 2000, abs=4)
    in_bone_window = pixels(page, "canvas[data-layer=ct]")
    assert in_bone_window != before
    press(page, "PageDown")
    assert text(page, "position").startswith("Slice 2 of 17")
    assert pixels(page, "canvas[data-layer=ct]") != in_bone_window
    press(page, "End")
    press(page, "ArrowDown")
    assert text(page, "position").startswith("Slice 16 of 17")

    # The middle of the box, which starts at (1, 2, 0).
    choose(page, "slice", 8)
    subject, index = report.subjects[0], (11, 15, 8)
    readout = text(page, "readout")
    assert values(readout, "synthetic CT") == pytest.approx(subject.sct.voxels[index], abs=1.51)
    assert values(readout, "real CT") == pytest.approx(subject.ct.voxels[index], abs=1.51)
    assert values(readout, "standard deviation") == pytest.approx(100, abs=1)


def test_a_click_moves_the_crosshair_of_all_planes(page):
    press(page, "a")
    assert page.locator("#panels canvas").count() == 15
    sagittal = "canvas[data-layer=mr][data-plane=sagittal]"
    before = pixels(page, sagittal)
    click(page, "canvas[data-layer=ct][data-plane=transverse]", 0.42, 0.5)
    # Left on the picture is right in the patient. The middle is at 3 mm, and the longest side,
    # 26 voxels of 2.5 mm, takes 0.94 of the canvas.
    right = re.match(r"(\w) (\d+)", text(page, "readout"))
    assert right[1] == "R"
    assert int(right[2]) == pytest.approx(3 + 0.08 * 65 / 0.94, abs=2)
    assert pixels(page, sagittal) != before
    press(page, "c")
    planes = page.evaluate(
        "[...document.querySelectorAll('#panels canvas')].map(c => c.dataset.plane)"
    )
    assert planes == ["coronal"] * 5


def test_an_overlay_fades_and_swipes(page):
    plain = {layer: pixels(page, f"canvas[data-layer={layer}]") for layer in ("mr", "sct", "ct")}
    press(page, "o")
    assert page.evaluate("document.getElementById('overlay').selectedOptions[0].text") == (
        "real CT over synthetic"
    )
    choose(page, "opacity", 100)
    whole = pixels(page, "canvas[data-layer=sct]")
    # Opaque, the real CT has replaced the synthetic one; clear, it is gone.
    assert np.abs(np.subtract(whole, plain["ct"])).max() <= 2
    assert whole != plain["sct"]
    choose(page, "opacity", 50)
    middle = (np.array(plain["sct"], float) + plain["ct"]) / 2
    assert np.abs(pixels(page, "canvas[data-layer=sct]") - middle).max() <= 3
    choose(page, "opacity", 0)
    assert pixels(page, "canvas[data-layer=sct]") == plain["sct"]

    page.evaluate("document.getElementById('swipe').click()")
    hover(page, "canvas[data-layer=sct]")
    now = np.reshape(pixels(page, "canvas[data-layer=sct]"), (64, 64, 3))
    was, real = (np.reshape(plain[layer], (64, 64, 3)) for layer in ("sct", "ct"))
    # Within the head; the edges hold letters.
    assert np.array_equal(now[20:44, 8:28], was[20:44, 8:28])
    assert np.array_equal(now[20:44, 36:56], real[20:44, 36:56])

    page.evaluate("document.getElementById('swipe').click()")
    choose(page, "overlay", 1, "change")
    choose(page, "opacity", 100)
    choose(page, "error-scale", 50, "change")
    assert pixels(page, "canvas[data-layer=sct]") == plain["sct"]
    assert pixels(page, "canvas[data-layer=mr]") != plain["mr"]


def test_the_window_follows_the_mouse_and_the_fields(page):
    before = pixels(page, "canvas[data-layer=sct]")
    drag_with_right_button(page, "canvas[data-layer=ct]", (80, 0))
    assert page.evaluate("Number(document.getElementById('width').value)") > 500
    assert page.evaluate("Number(document.getElementById('center').value)") == 40
    assert pixels(page, "canvas[data-layer=sct]") != before
    mr = pixels(page, "canvas[data-layer=mr]")
    drag_with_right_button(page, "canvas[data-layer=mr]", (80, 0))
    assert pixels(page, "canvas[data-layer=mr]") != mr
    choose(page, "center", 500, "change")
    choose(page, "width", 2000, "change")
    assert (
        page.evaluate("document.querySelector('[data-low][aria-pressed=true]').textContent")
        == "Bone"
    )


def test_zoom_keeps_the_crosshair_in_the_middle(page):
    whole, black = pixels(page, "canvas[data-layer=ct]"), grey(page, "ct", 0.5, 0.1)
    for _ in range(4):
        press(page, "+")
    zoomed = pixels(page, "canvas[data-layer=ct]")
    assert zoomed != whole
    # Zoomed, the head fills what was black around it.
    assert grey(page, "ct", 0.5, 0.1) > black == 0
    click(page, "canvas[data-layer=ct]", 0.5, 0.5)
    assert text(page, "readout").startswith("R 3  P 3  S 22 mm")
    press(page, "0")
    press(page, "x")
    assert grey(page, "ct", 0.5, 0.1) == black
    assert np.abs(np.subtract(pixels(page, "canvas[data-layer=ct]"), whole)).max() <= 2


def test_tables_sort_by_mouse_and_keyboard(page, report):
    def order(section):
        return page.evaluate(
            f"[...document.querySelectorAll('#{section} tbody tr')].map(r => r.cells[0].innerText)"
        )

    by_error = [
        s.name for s in sorted(report.subjects, key=lambda s: s.evaluations["u-net"].body.mae)
    ]
    heading = "#subjects thead th:nth-child(4)"
    click(page, f"{heading} button")
    assert order("subjects") == by_error
    assert (
        page.evaluate(f"document.querySelector('{heading}').getAttribute('aria-sort')")
        == "ascending"
    )
    page.focus(f"{heading} button")
    press(page, "Enter")
    assert order("subjects") == by_error[::-1]
    assert page.locator(heading).get_attribute("aria-sort") == "descending"
    # The row without a value comes last either way.
    for expected in (["sub-10", "sub-02", "sub-01", "x"], ["sub-01", "sub-02", "sub-10", "x"]):
        click(page, "#preparation thead th:nth-child(4) button")
        assert order("preparation") == expected


def test_another_subject_is_chosen_by_key_and_by_its_name(page):
    press(page, "n")
    assert page.input_value("#scene") == "1"
    # It has no deviation.
    assert page.locator("#panels canvas").count() == 4
    click(page, '[data-show="2"]')
    settle(page)
    shown = page.evaluate("[...document.querySelectorAll('.subject')].map(part => !part.hidden)")
    assert shown == [False, False, True]
    assert text(page, "viewer-error") == ""


def test_light_and_dark_and_narrow(page):
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) != light
    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # In pixels of the screen, not of the drawing.
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg text')].filter(t => t.getClientRects().length)"
        ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getScreenCTM().a)"
    )
    assert len(sizes) > 50
    assert min(sizes) >= 10
    # What a table's caption says is seen without scrolling the table.
    ends = page.evaluate(
        "[...document.querySelectorAll('caption > span')].filter(s => s.getClientRects().length)"
        ".map(s => s.getBoundingClientRect().right)"
    )
    assert len(ends) >= 3
    assert max(ends) <= 390
    page.set_viewport_size({"width": 1400, "height": 1000})


def test_keys_are_explained(page):
    press(page, "?")
    said = page.locator("#keys").inner_text()
    for key in ("Page ↑", "W", "O", "X", "N"):
        assert key in said


def test_3d_turns_and_gives_way_to_slices(page):
    if niivue_script() is None:
        pytest.skip("this installation was built without NiiVue")
    press(page, "3")
    page.locator("#panels .square canvas").nth(2).wait_for()
    settle(page)
    shot = "(() => { const c = document.querySelector('.square canvas');"
    shot += "return [c.width > 100, Boolean(c.getContext('webgl2'))]; })()"
    assert page.evaluate(shot) == [True, True]
    press(page, "t")
    assert page.locator("#panels canvas").count() == 5
    assert page.locator("#viewer-error").is_hidden()


def test_without_webgl_slices_are_shown_and_3d_is_explained(tab, report):
    page = tab.context.new_page()
    page.add_init_script(
        "const usual = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        "return kind.startsWith('webgl') ? null : usual.call(this, kind, ...more); };"
    )
    wrong = complaints(page)
    show(page, report.address)
    assert grey(page, "ct", 0.6, 0.6) == pytest.approx(255 * 540 / 2000, abs=4)
    if niivue_script() is not None:
        button = page.locator("[data-plane='3d']")
        assert button.is_disabled()
        assert "WebGL 2" in button.get_attribute("title")
        page.focus("#viewer")
        press(page, "3")
        assert page.locator("button[data-plane=transverse]").get_attribute("aria-pressed") == "true"
    page.close()
    assert wrong == []


def test_pictures_come_first_and_are_enlarged_by_keyboard(page, report):
    tops = page.evaluate(
        "['pictures', 'images', 'metrics'].map(i => document.getElementById(i)"
        ".getBoundingClientRect().top + scrollY)"
    )
    assert tops == sorted(tops)
    first = page.locator("#pictures button.enlarge").first
    assert first.bounding_box()["y"] < 900
    per_subject = page.locator("article.heads")
    assert [per_subject.nth(n).locator("img").count() for n in range(3)] == [6, 5, 5]
    first.focus()
    press(page, "Enter")
    dialog = page.locator("#enlarged")
    assert dialog.is_visible()
    assert dialog.locator("img").get_attribute("alt").startswith("sub-01: MR")
    assert dialog.bounding_box()["height"] <= 1000
    press(page, "ArrowRight")
    press(page, "ArrowRight")
    shown = dialog.locator("img")
    assert shown.get_attribute("alt").startswith("sub-01: real CT")
    assert shown.evaluate("image => image.naturalWidth") > 500
    press(page, "ArrowLeft")
    press(page, "Escape")
    assert not dialog.is_visible()
    focused = page.evaluate("document.activeElement.querySelector('img').alt")
    assert focused.startswith("sub-01: synthetic CT")


def test_a_first_look_is_in_the_bone_window_and_no_deviation_is_saturated(tab, report):
    show(tab, report.address)
    assert chosen_window(tab) == "Bone"
    assert [tab.input_value(f"#{name}") for name in ("center", "width")] == ["500", "2000"]
    # 100 HU everywhere: the least scale that holds it.
    assert tab.input_value("#deviation-scale") == "100"
    labels = tab.locator(".bar-labels[data-layer=deviation]").inner_text()
    assert labels.split() == ["0", "HU", "100"]


def test_a_link_brings_back_the_view(page, report):
    page.evaluate("document.querySelector('[data-plane=coronal]').click()")
    page.select_option("#scene", "1")
    settle(page)
    choose(page, "center", 300, "change")
    choose(page, "slice", 6)
    choose(page, "overlay", 1, "change")
    choose(page, "opacity", 80)
    place, canvas = text(page, "position"), "canvas[data-layer=mr]"
    page.focus("#viewer")
    press(page, "x")  # a link points at a place
    before = pixels(page, canvas)
    page.evaluate("document.getElementById('link').click()")
    address = page.evaluate("location.href")
    assert "plane=coronal" in address and "subject=sub-02" in address
    page.goto("about:blank")
    show(page, address)
    page.locator("[data-plane=coronal][aria-pressed=true]").wait_for()
    page.evaluate("document.getElementById('smooth').click()")
    settle(page)
    assert text(page, "position") == place
    assert page.input_value("#scene") == "1"
    assert page.input_value("#center") == "300"
    assert page.locator("#overlay").evaluate("e => e.selectedOptions[0].text") == (
        "difference over MR"
    )
    assert np.abs(np.subtract(pixels(page, canvas), before)).max() <= 2


@pytest.mark.parametrize("odd", ["at=1,2", "at=x,y,z&window=9,1", "subject=%00&overlay=no&zoom=-3"])
def test_an_odd_link_shows_the_beginning(page, report, odd):
    page.goto("about:blank")
    show(page, f"{report.address}#plane=nowhere&{odd}")
    assert text(page, "position").startswith("Slice 9 of 17")
    assert page.locator("#viewer-error").is_hidden()
    assert page.locator("#panels canvas").count() == 5


def test_a_picture_is_saved_as_it_is_shown(page, tmp_path):
    with page.expect_download() as download:
        page.evaluate("document.getElementById('save').click()")
    assert download.value.suggested_filename == "sub-01-transverse-9.png"
    path = tmp_path / "saved.png"
    download.value.save_as(path)
    saved = np.asarray(Image.open(path).convert("RGB")).astype(int)
    frame, box = (
        page.locator(f).first.bounding_box() for f in ("#panels", "#panels canvas[data-layer=ct]")
    )
    assert saved.shape[1] == pytest.approx(2 * (frame["width"] + 24), abs=2)
    # The point of 40 HU, half way from -160 to 240, where the page has it.
    x = 2 * (12 + box["x"] - frame["x"] + 0.6 * box["width"])
    y = 2 * (12 + box["y"] - frame["y"] + 0.6 * box["height"])
    assert saved[round(y), round(x)] == pytest.approx([127] * 3, abs=15)


def test_what_does_nothing_in_3d_is_not_there(page):
    if niivue_script() is None:
        pytest.skip("this installation was built without NiiVue")
    flat = ("overlay", "opacity", "swipe", "smooth", "error-scale", "deviation-scale", "slice")
    assert all(page.locator(f"#{name}").is_visible() for name in flat)
    assert not page.locator("#lit").is_visible()
    press(page, "3")
    page.locator("#panels .square canvas").nth(2).wait_for()
    settle(page)
    assert not any(page.locator(f"#{name}").is_visible() for name in flat)
    assert page.locator("#lit").is_checked()
    assert page.locator("#cut").is_visible()
    press(page, "t")
    assert all(page.locator(f"#{name}").is_visible() for name in flat)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_axe_finds_nothing_inaccessible(page, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    settle(page)
    try:
        found = axe.run(page).response["violations"]
    finally:
        page.set_viewport_size({"width": 1400, "height": 1000})
    assert [(f["id"], [n["html"] for n in f["nodes"]]) for f in found] == []
