"""A run's folder: started once, described truly, never mixed with another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mrtoct.errors import FileError, RecipeError
from mrtoct.training.run import Finished, finish_run, open_run, read_run
from mrtoct.training.split import Split
from recipes import tiny_recipe

SPLIT = Split(["a", "b"], ["c"], [])
FINGERPRINTS = {"a": "1", "b": "2", "c": "3"}


def start(run: Path, *, resume: bool = False, overwrite: bool = False, **changes: object) -> None:
    recipe, split = changes.get("recipe", tiny_recipe()), changes.get("split", SPLIT)
    prints = changes.get("fingerprints", FINGERPRINTS)
    open_run(run, Path("store"), recipe, split, prints, resume=resume, overwrite=overwrite)  # type: ignore[arg-type]


def test_a_run_describes_itself(tmp_path: Path) -> None:
    run = tmp_path / "deep" / "run"
    start(run)
    record = read_run(run)
    assert (record.recipe, record.split) == (tiny_recipe(), SPLIT)
    assert record.fingerprints == FINGERPRINTS
    assert record.store == Path("store").resolve()
    assert record.finished is None
    finish_run(run, step=6, seconds=1.5, device="cpu")
    record = read_run(str(run))
    assert record.finished == Finished(6, 1.5, "cpu")
    assert (record.recipe, record.split) == (tiny_recipe(), SPLIT)


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(
        FileError,
        match="; pass resume=True to go on or overwrite=True to",
    ):
        start(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(FileError, match=r"notes\.txt is a file; name a folder"):
        start(tmp_path / "notes.txt", overwrite=True)
    (tmp_path / "empty").mkdir()
    start(tmp_path / "empty")
    assert read_run(tmp_path / "empty").split == SPLIT


def test_overwriting_leaves_nothing_of_the_former_run(tmp_path: Path) -> None:
    start(tmp_path / "run")
    for name in ("best", "last", "evaluation", "tensorboard"):
        (tmp_path / "run" / name).mkdir()
        (tmp_path / "run" / name / "old").touch()
    (tmp_path / "run" / "curves.csv").touch()
    (tmp_path / "run" / "my notes.txt").touch()
    start(tmp_path / "run", overwrite=True, split=Split(["b"], [], []))
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["my notes.txt", "run.json"]
    assert read_run(tmp_path / "run").split == Split(["b"], [], [])


def test_resuming_changes_nothing(tmp_path: Path) -> None:
    start(tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    start(tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"recipe": tiny_recipe(optimizer={"learning_rate": 2.0001e-3})}, "recipe"),
        ({"recipe": tiny_recipe(training={"steps": 7})}, "recipe"),
        ({"split": Split(["a", "c"], ["b"], [])}, "split"),
        ({"split": Split(["a", "b"], ["c"], ["d"])}, "split"),
    ],
)
def test_another_recipe_or_split_is_not_resumed(
    tmp_path: Path, changes: dict[str, object], what: str
) -> None:
    start(tmp_path / "run")
    with pytest.raises(RecipeError, match=f"was started with another {what}"):
        start(tmp_path / "run", resume=True, **changes)


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"holds no run to resume \(no run\.json\)"):
        start(tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"is not a run \(no run\.json\)"):
        read_run(tmp_path)


@pytest.mark.parametrize("key", ["recipe", "store", "split"])
def test_a_damaged_description(tmp_path: Path, key: str) -> None:
    start(tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    for damaged in ("{", "[]", json.dumps({**record, key: 3}), json.dumps({"format": 1})):
        path.write_text(damaged)
        with pytest.raises(FileError, match=r"run\.json is damaged"):
            read_run(tmp_path / "run")


def test_killed_before_it_was_described_a_run_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / ".part-123abc-1-run.json").write_text("{")
    start(tmp_path)
    assert read_run(tmp_path).fingerprints == FINGERPRINTS
