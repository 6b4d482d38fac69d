"""The page of a translation: its voxels are the volumes', its words the guard's and the model's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from browser import complaints, pixels, press, show
from mrtoct.check.finding import Finding
from mrtoct.errors import FileError
from mrtoct.report.translation import (
    Translation,
    pack_translation,
    render_translation,
    result_facts,
    write_translation_page,
)
from mrtoct.report.voxels import HU_STEP, unpack, unpack_mask
from mrtoct.volume import Grid, Volume
from mrtoct.volume.picture import STRIPES

LPS = np.array([[-3.0, 0, 0, 30], [0, -2.5, 0, 40], [0, 0, 4, -10], [0, 0, 0, 1]])
SHAPE = (24, 30, 18)
HEAD = (slice(8, 20), slice(8, 24), slice(6, 14))


@pytest.fixture
def shown() -> Translation:
    """A box-shaped head whose voxels run to the left and to the back, bone in one corner."""
    rng = np.random.default_rng(4)
    grid = Grid(SHAPE, LPS)
    sct = np.full(SHAPE, -1024, np.int16)
    sct[HEAD] = rng.integers(-20, 60, sct[HEAD].shape)
    sct[9:12, 9:12, 7:9] = 1200
    deviation = np.zeros(SHAPE, np.int16)
    deviation[HEAD] = 40
    deviation[9:12, 9:12, 7:9] = 300
    mr = rng.normal(100, 20, SHAPE).astype(np.float32)
    return Translation(
        "head <b>.nii.gz",
        Volume(mr, grid, "a.u."),
        Volume(sct, grid, "HU"),
        Volume(deviation, grid, "HU"),
        model={"Name": "head", "Version": "1.2"},
        intended_use="Research on heads & nothing else.",
    )


def test_the_viewer_gets_the_volumes_turned_to_ras_and_cut_around_the_head(
    shown: Translation,
) -> None:
    packed = pack_translation(shown)
    margin = 5  # of 12 mm in voxels of 2.5 mm
    box = tuple(
        slice(max(s.start - margin, 0), min(s.stop + margin, n))
        for s, n in zip(HEAD, SHAPE, strict=True)
    )
    assert packed.scene.spacing == (3.0, 2.5, 4.0)
    affine = np.array(packed.scene.affine)
    # The box's last voxel along I and J is the first from the right and the front.
    corner = LPS @ (box[0].stop - 1, box[1].stop - 1, box[2].start, 1)
    np.testing.assert_allclose(affine[:3, 3], corner[:3])
    np.testing.assert_allclose(affine[:3, :3], np.diag([3, 2.5, 4]))
    everywhere = unpack_mask(packed.mask, packed.scene.shape)
    assert everywhere.all()
    for key, volume, step in (
        ("sct", shown.sct, HU_STEP),
        ("deviation", shown.deviation, HU_STEP),
        ("mr", shown.mr, 1.1),
    ):
        wanted = volume.voxels[box][::-1, ::-1]
        found = unpack(packed.volumes[key], everywhere)
        if key == "mr":  # the brightest and darkest few are cut
            low, high = np.quantile(wanted, (0.002, 0.998))
            wanted = np.clip(wanted, low, high)
        np.testing.assert_allclose(found, wanted, atol=step / 2 + 0.01)


def test_an_mr_on_another_grid_is_brought_to_the_synthetic_cts(shown: Translation) -> None:
    coarse = Grid((8, 10, 6), LPS @ np.diag([3, 3, 3, 1]))
    ramp = coarse.to_world(np.stack(np.indices(coarse.shape), axis=-1))[..., 0]
    packed = pack_translation(replace(shown, mr=Volume(ramp.astype(np.float32), coarse, "a.u.")))
    found = unpack(packed.volumes["mr"], np.ones(packed.scene.shape, bool))
    line = found[:, 10, 8]
    here = np.array(packed.scene.affine)
    x = here[0, 0] * np.arange(len(line)) + here[0, 3]
    inner = slice(3, -3)  # beyond the MR there is nothing
    assert len(line[inner]) > 10
    np.testing.assert_allclose(line[inner], x[inner], atol=1)


def test_a_large_head_is_shown_coarser_and_the_page_says_so(shown: Translation) -> None:
    whole = pack_translation(shown)
    small = replace(shown, voxel_budget=int(np.prod(whole.scene.shape)) // 4)
    packed = pack_translation(small)
    assert np.prod(packed.scene.shape) <= small.voxel_budget
    extent = [n * s for n, s in zip(packed.scene.shape, packed.scene.spacing, strict=True)]
    wanted = [n * s for n, s in zip(whole.scene.shape, whole.scene.spacing, strict=True)]
    np.testing.assert_allclose(extent, wanted, atol=6)
    found = unpack(packed.volumes["sct"], np.ones(packed.scene.shape, bool))
    i, j, k = (n // 2 for n in packed.scene.shape)
    assert found[i, j, k] == pytest.approx(20, abs=30)
    assert found[0, 0, 0] == -1024
    assert "at a coarser resolution than the translation" in render_translation(small)
    assert "coarser resolution" not in render_translation(shown)


def test_numbers_in_words(shown: Translation) -> None:
    voxel = 3 * 2.5 * 4 / 1000
    facts = result_facts(shown)
    assert facts["Head"] == f"{12 * 16 * 8 * voxel:.0f} mL"
    assert facts["Bone in it"] == f"{18 * voxel:.0f} mL above 250 HU"
    assert facts["Standard deviation"] == "median 40 HU"
    assert facts["Unsure"] == f"{100 * 18 / (12 * 16 * 8):.0f} % above 200 HU"
    assert "Unsure" not in result_facts(replace(shown, deviation=None))


def test_what_the_guard_found_is_said_in_its_words(shown: Translation) -> None:
    plain = render_translation(shown)
    assert 'class="verdict good"' in plain
    assert "No problems found with this MR or the synthetic CT." in plain
    doubts = [
        Finding("doubtful", "top-cut", "the vertex is cut <off>", "MR"),
        Finding("note", "noise", "it is noisy", "MR"),
    ]
    doubtful = render_translation(replace(shown, findings=doubts))
    assert 'class="verdict caution"' in doubtful
    assert "<li>MR: the vertex is cut &lt;off&gt;</li><li>MR: it is noisy</li>" in doubtful
    unusable = [Finding("unusable", "ct", "it looks like a CT", "MR")]
    assert 'class="verdict bad"' in render_translation(replace(shown, findings=unusable))


def test_the_model_and_its_use_are_named_and_text_is_escaped(shown: Translation) -> None:
    html = render_translation(shown)
    assert "<div><dt>Version</dt><dd>1.2</dd></div>" in html
    assert "Research on heads &amp; nothing else." in html
    assert "<h1>head &lt;b&gt;.nii.gz</h1>" in html
    assert "not a medical device" in html
    data = json.loads(re.search(r'id="viewer-data">(.*?)</script>', html)[1])  # type: ignore[index]
    (scene,) = data["scenes"]
    assert [layer["key"] for layer in scene["layers"]] == ["mr", "sct", "deviation"]
    for key in ("mask", "mr", "sct", "deviation"):
        assert html.count(f'id="voxels-0-{key}"') == 1
    assert not re.search(r"(src|href)=\"http", html)


def test_without_a_deviation_there_is_none(shown: Translation) -> None:
    html = render_translation(replace(shown, deviation=None))
    assert "voxels-0-deviation" not in html
    assert "Deviation to" not in html
    assert "standard deviation over" not in html


def test_an_existing_page_stays(shown: Translation, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    write_translation_page(page, shown)
    assert page.read_text(encoding="utf-8") == render_translation(shown)
    page.write_text("mine")
    with pytest.raises(FileError, match="exists already"):
        write_translation_page(page, shown)
    assert page.read_text() == "mine"


def with_gap(shown: Translation) -> Translation:
    """The head of which the upper slices were not measured."""
    measured = np.ones(SHAPE, bool)
    measured[:, :, 11:] = False
    parts = {
        name: volume.with_voxels(np.where(measured, volume.voxels, fill)).measured_where(measured)
        for name, volume, fill in (
            ("mr", shown.mr, 0),
            ("sct", shown.sct, -1024),
            ("deviation", shown.deviation, 0),
        )
    }
    return replace(shown, **parts)


def test_what_was_not_measured_is_stored_as_nothing_and_said(shown: Translation) -> None:
    gap = with_gap(shown)
    packed = pack_translation(gap)
    assert packed.scene.unmeasured
    known = unpack_mask(packed.mask, packed.scene.shape)
    # The box goes 5 voxels beyond the 5 slices of the head that are left, from slice 1 to 15.
    assert known.all(axis=(0, 1)).tolist() == [True] * 10 + [False] * 5
    assert not known[:, :, 10:].any()
    facts = result_facts(gap)
    assert facts["Not measured"] == f"{100 * 7 / 18:.1f} % of the grid"
    assert "in blue stripes" in render_translation(gap)
    assert not pack_translation(shown).scene.unmeasured
    assert "stripes" not in render_translation(shown).split("<script")[0]


def test_what_was_not_measured_is_striped_in_a_browser(tab, shown: Translation, tmp_path) -> None:
    wrong = complaints(tab)
    page = tmp_path / "page.html"
    write_translation_page(page, with_gap(shown))
    show(tab, page.as_uri())
    tab.evaluate("document.getElementById('smooth').click(), viewer.focus()")
    press(tab, "c")
    painted = np.reshape(pixels(tab, "canvas[data-layer=sct]"), (-1, 3)).tolist()
    assert set(STRIPES) <= set(map(tuple, painted))
    assert tab.locator("#unmeasured").is_visible()
    press(tab, "t")
    press(tab, "End")
    readout = tab.locator("#readout").text_content()
    assert "MR not measured   synthetic CT not measured" in readout
    write_translation_page(page, shown, overwrite=True)
    show(tab, page.as_uri())
    assert not tab.locator("#unmeasured").is_visible()
    assert wrong == []
