"""mrtoct report --figures: with a page and beside one, and nothing replaced unasked."""

from __future__ import annotations

import json
import shlex
import shutil

import matplotlib
import pytest


@pytest.fixture(scope="module")
def judged_run(made, tmp_path_factory):
    """A copy of the run, so that its page is this module's own."""
    folder = tmp_path_factory.mktemp("figures") / "run"
    shutil.copytree(made.run, folder)
    return folder


@pytest.fixture(scope="module")
def first(mrtoct, judged_run):
    result = mrtoct("report", judged_run, "--figures", judged_run.parent / "figures")
    assert result.status == 0, result.err
    return result


def test_figures_are_made_beside_the_page(first, judged_run):
    assert (judged_run / "report.html").stat().st_size > 100_000
    folder = judged_run.parent / "figures"
    (name,) = (p.name for p in (judged_run / "evaluation").iterdir())
    for figure in ("overview", f"subject-{name}", "accuracy", "levels", "agreement"):
        assert (folder / f"{figure}.pdf").read_bytes().startswith(b"%PDF")
        wide = matplotlib.image.imread(folder / f"{figure}.png").shape[1]
        assert wide == pytest.approx(180 / 25.4 * 300, abs=1.5)
    captions = (folder / "CAPTIONS.md").read_text(encoding="utf-8")
    assert "1 test subject; synthetic CT by small" in captions
    assert "head on the CT, where the MR was measured" in captions
    assert f"figures: {folder}" in " ".join(first.err.split("\n"))


def test_figures_are_not_replaced_unasked(first, mrtoct, judged_run):
    folder = judged_run.parent / "figures"
    refused = mrtoct("report", judged_run, "--out", "new.html", "--figures", folder)
    assert refused.sentence.endswith("exists already; pass --overwrite to replace it")
    taken = judged_run.parent / "a-file"
    taken.touch()
    refused = mrtoct("report", judged_run, "--figures", taken)
    assert "is a file; a folder name is needed for the figures" in refused.sentence


def test_figures_of_a_run_with_a_page_leave_the_page(first, mrtoct, judged_run, monkeypatch):
    page, drawn = judged_run / "report.html", []
    monkeypatch.setattr(
        "mrtoct.cli.report.write_figures",
        lambda folder, results, overwrite: drawn.append((folder.name, overwrite)),
    )
    before = page.read_bytes(), page.stat().st_mtime_ns
    again = mrtoct("report", judged_run, "--figures", judged_run.parent / "others")
    assert again.status == 0, again.err
    assert drawn == [("others", False)]
    assert (page.read_bytes(), page.stat().st_mtime_ns) == before
    assert "existing, kept" in again.err.replace("\n", " ")


def test_json_holds_what_the_table_shows(mrtoct, made, tmp_path):
    said = mrtoct("report", made.run, "--out", tmp_path / "page.html", "--json")
    assert said.status == 0, said.err
    told = json.loads(said.out)
    ((name, subject),) = told["subjects"].items()
    kept = made.run / "evaluation" / name / "metrics.json"
    assert subject["methods"] == json.loads(kept.read_text(encoding="utf-8"))["methods"]
    assert f"next: mrtoct translate MR SCT --model {shlex.quote(str(made.best))}" in said.err
