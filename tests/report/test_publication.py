"""Files for a paper: their size in print, their text, their captions, and nothing lost."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from mrtoct.errors import FileError
from mrtoct.report import publication
from mrtoct.report.panels import paper_style
from mrtoct.report.publication import CAPTIONS, require_no_figures, save, write_figures


@pytest.fixture(scope="module")
def folder(subjects, tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    (folder / "my-own.txt").write_text("precious")
    deviation = subjects[0].ct.with_voxels(np.full(subjects[0].ct.grid.shape, 9.0, np.float32))
    write_figures(folder, [replace(subjects[0], deviation=deviation), *subjects[1:]])
    return folder


NAMES = (
    "overview", "subject-sub-01", "uncertainty-sub-01", "subject-sub-02", "accuracy", "levels",
    "agreement",
)  # fmt: skip


def test_all_files_are_there_and_others_stay(folder):
    expected = {f"{name}.{ending}" for name in NAMES for ending in ("png", "pdf")}
    assert {p.name for p in folder.iterdir()} == expected | {CAPTIONS, "my-own.txt"}
    assert (folder / "my-own.txt").read_text() == "precious"


def test_figures_are_180_mm_wide_at_300_dpi_and_fit_a_page(folder):
    for name in NAMES:
        high, wide, _ = matplotlib.image.imread(folder / f"{name}.png").shape
        assert wide == pytest.approx(180 / 25.4 * 300, abs=1.5)
        assert high <= 235 / 25.4 * 300 + 1


def test_text_in_a_pdf_is_text_in_an_embedded_truetype_font(folder):
    for name in NAMES:
        data = (folder / f"{name}.pdf").read_bytes()
        assert b"/FontFile2" in data
        assert b"/Type3" not in data
        assert not any(word in data for word in (b"CreationDate", b"Producer", b"Creator"))
    assert b"Software" not in (folder / "overview.png").read_bytes()


def test_captions_say_what_is_seen_in_which_window_where_and_of_how_many(folder, subjects):
    text = (folder / CAPTIONS).read_text(encoding="utf-8")
    blocks = dict(b.split("** ", 1) for b in text.split("\n\n") if b.startswith("**"))
    assert [key.strip("*.") for key in blocks] == list(NAMES)
    for expected in ("2 test subjects", "made-up box", "−400 to 1\u2009200 HU", "by u-net"):
        assert expected in text
    assert text.count("range of the 2 subjects") == 3
    mae = subjects[1].evaluations["u-net"].body.mae
    assert f"MAE {mae:.0f} HU" in blocks["**subject-sub-02."]
    assert f"sub-02 {mae:.0f} HU" in blocks["**overview."]
    voxels = sum(int(s.mask.voxels.sum()) for s in subjects[:2])
    assert f"{voxels:,}".replace(",", "\u2009") in blocks["**agreement."]
    # The validation subject is worse evidence and is left out where there are test subjects.
    assert "sub-10" not in text


def test_captions_admit_flattery(subjects):
    text = publication._common(subjects[2:])
    assert "1 validation subject;" in text
    assert "the figures are optimistic" in text


def drawing():
    with paper_style():
        figure = Figure(figsize=(2, 1))
        figure.add_subplot(title="µ ± σ").plot([1, 3, 2])
        return figure


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_the_same_figure_is_the_same_file(tmp_path, ending, monkeypatch):
    paths = []
    for n, day in enumerate(("86400", "1700000000")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", day)
        paths.append(tmp_path / f"{n}.{ending}")
        with paper_style():
            save(drawing(), paths[-1], ending)
    first, second = (p.read_bytes() for p in paths)
    assert first == second


@pytest.fixture
def few(monkeypatch, subjects):
    """Publications that take no time to draw."""

    def made(chosen):
        for name in ("one", "two"):
            yield publication.Publication(name, drawing(), "Seen.")

    monkeypatch.setattr(publication, "publications", made)
    return subjects[:1]


def test_nothing_is_replaced_unless_asked(few, tmp_path):
    write_figures(tmp_path, few)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert set(before) == {"one.png", "one.pdf", "two.png", "two.pdf", CAPTIONS}
    (tmp_path / CAPTIONS).write_text("mine")
    with pytest.raises(FileError, match=r"CAPTIONS\.md exists already; pass overwrite=True"):
        write_figures(tmp_path, few)
    assert (tmp_path / CAPTIONS).read_text() == "mine"
    write_figures(tmp_path, few, overwrite=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_all_or_none_is_written(few, tmp_path, monkeypatch):
    drawn = []

    def failing(figure, path, ending):
        drawn.append(path)
        if len(drawn) == 3:
            raise OSError(28, "No space left on device")
        save(figure, path, ending)

    monkeypatch.setattr(publication, "save", failing)
    with pytest.raises(FileError, match="No space left"):
        write_figures(tmp_path / "new", few)
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    "taken", ["subject-a.png", "uncertainty-b.pdf", "overview.pdf", "levels.png", CAPTIONS]
)
def test_what_could_not_be_written_is_said_before_the_work(tmp_path, taken):
    require_no_figures(tmp_path, ["a", "b"], overwrite=False)
    require_no_figures(tmp_path / "new", ["a", "b"], overwrite=False)
    (tmp_path / taken).touch()
    with pytest.raises(FileError, match=taken.replace(".", r"\.")):
        require_no_figures(tmp_path, ["a", "b"], overwrite=False)
    require_no_figures(tmp_path, ["a", "b"], overwrite=True)
    with pytest.raises(FileError, match="is a file; a folder name"):
        require_no_figures(tmp_path / taken, ["a", "b"], overwrite=True)


def test_a_large_cohort_takes_several_pages(subjects, monkeypatch):
    shown = []

    def overview(page, depth):
        shown.append(([s.name for s in page], depth))

    monkeypatch.setattr(publication, "panel_figure", overview)
    many = [replace(subjects[0], name=f"s{n}") for n in range(9)]
    made = publication.publications(many)
    assert [next(made).name for _ in range(3)] == ["overview-1", "overview-2", "overview-3"]
    assert [names for names, _ in shown] == [
        ["s0", "s1", "s2", "s3"], ["s4", "s5", "s6", "s7"], ["s8"]
    ]  # fmt: skip
    assert len({depth for _, depth in shown}) == 1
