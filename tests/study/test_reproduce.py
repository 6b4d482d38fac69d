"""A whole study in little: what is written, what is redone, what is left alone."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import FileError
from mrtoct.io.files import read_volume
from mrtoct.judging.baselines import IntensityMap
from mrtoct.judging.judged import read_judged
from mrtoct.judging.named import Request, judge_cohort
from mrtoct.judging.run import judge_run
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import read_subject
from mrtoct.study.plan import Settings
from mrtoct.study.reproduce import reproduce
from mrtoct.study.results import Results
from mrtoct.translation.bundle import WEIGHTS
from mrtoct.translation.predict_patches import predict_stage
from mrtoct.translation.translator import Translator
from small_study import Heard, small_experiments

METHODS = [
    "unet-mae",
    "pix2pix",
    "pix2pix-boost",
    "context-gan-1",
    "context-gan-2",
    "intensity-map",
    "water",
]


@pytest.fixture
def copy(study: Path, tmp_path: Path, small: None, without_figures: None) -> Path:
    return Path(shutil.copytree(study, tmp_path / "study"))


def record(study: Path) -> dict:
    return json.loads((study / "study.json").read_text())


def weights(study: Path) -> dict[str, bytes]:
    return {str(p.relative_to(study)): p.read_bytes() for p in study.rglob(WEIGHTS)}


def again(four: Path, study: Path, **options: object) -> tuple[Results, Heard]:
    heard = Heard()
    return reproduce(four, study, watcher=heard, **options), heard  # type: ignore[arg-type]


def test_every_method_is_judged_on_everybody(study: Path) -> None:
    written = record(study)
    assert list(written["methods"]) == METHODS
    (split,) = written["splits"]
    for values in written["methods"].values():
        roles = {s["subject"]: s["role"] for s in values["subjects"]}
        assert roles == dict.fromkeys(split["train"], "train") | dict.fromkeys(
            split["validation"], "validation"
        )
        assert all(s["evaluation"]["paper"]["mae"] > 0 for s in values["subjects"])


@pytest.mark.parametrize("stage", [1, 2])
def test_the_figures_are_those_of_the_bundles(four: Path, study: Path, stage: int) -> None:
    """Each stage's own bundle gives them, although both are judged from the last one's."""
    written = record(study)
    bundle = study / "fold-1" / "runs" / "context-gan" / f"stage-{stage}" / "whole" / "best"
    translator = Translator.load(bundle, "cpu")
    for values in written["methods"][f"context-gan-{stage}"]["subjects"]:
        subject = read_subject(four, values["subject"])
        sct = translator.translate(subject.mr, aligned=True)
        inside = subject.head.voxels & subject.covered.voxels
        where = np.argwhere(inside)
        box = tuple(slice(a, b + 1) for a, b in zip(where.min(0), where.max(0), strict=True))
        error = sct.voxels[box].astype(float) - subject.ct.voxels[box]
        assert values["evaluation"]["paper"]["mae"] == pytest.approx(np.abs(error).mean())
        assert values["evaluation"]["paper"]["psnr_65535"] == pytest.approx(
            10 * np.log10(65535**2 / (error**2).mean())
        )
        folder = study / "fold-1" / "results" / f"context-gan-{stage}" / subject.name
        assert (folder / "sct.nii.gz").is_file() == (values["role"] == "validation")
        if values["role"] == "validation":
            stored = read_volume(folder / "sct.nii.gz", "HU")
            np.testing.assert_array_equal(stored.voxels, sct.voxels)
            mae = np.abs(sct.voxels[inside].astype(float) - subject.ct.voxels[inside]).mean()
            assert values["evaluation"]["body"]["mae"] == pytest.approx(mae)


def test_a_study_a_report_and_an_evaluation_give_the_same_numbers(
    four: Path, study: Path, tmp_path: Path
) -> None:
    """To the last digit, whoever asks: there is one judge."""
    run = Path(shutil.copytree(study / "fold-1" / "runs" / "pix2pix", tmp_path / "run"))
    (name,) = record(study)["splits"][0]["validation"]
    in_study = {
        method: each["evaluation"]
        for method in ("pix2pix", "intensity-map", "water")
        for each in record(study)["methods"][method]["subjects"]
        if each["subject"] == name
    }
    (reported,) = judge_run(run, store=four).subjects
    (evaluated,) = judge_cohort(Request(run / "best", four)).subjects
    kept, _ = read_judged(run / "evaluation" / name / "metrics.json")
    assert reported.subject == evaluated.subject == name
    for judged in (reported, evaluated, kept):
        found = [e.to_json() for e in judged.evaluations.values()]
        assert json.dumps(found) == json.dumps(list(in_study.values()))


def test_a_cascade_is_computed_once_for_all_its_stages(
    four: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = record(copy)["methods"]
    for stage in (1, 2):
        shutil.rmtree(copy / "fold-1" / "results" / f"context-gan-{stage}")
    computed: list[int] = []

    def counted(network, bundle, stage, mr, context, head):  # type: ignore[no-untyped-def]
        computed.append(stage)
        return predict_stage(network, bundle, stage, mr, context, head)

    monkeypatch.setattr("mrtoct.translation.predict_patches.predict_stage", counted)
    _, heard = again(four, copy, cohort="Four *heads*")
    assert computed == [0, 1] * 4
    assert heard.judged == {"context-gan-1, context-gan-2": 4}
    assert record(copy)["methods"] == before


def test_the_intensity_map_is_fitted_on_the_training_subjects(four: Path, study: Path) -> None:
    written = record(study)
    (split,) = written["splits"]

    def arrays(name: str):  # type: ignore[no-untyped-def]
        s = read_subject(four, name)
        scaled = MrScaling().apply(s.mr.voxels, s.mr_head.voxels)
        return scaled, s.ct.voxels, s.head.voxels & s.covered.voxels

    best = IntensityMap.fit([arrays(name) for name in split["train"]])
    (name,) = split["validation"]
    scaled, ct, inside = arrays(name)
    expected = np.abs(best.apply(scaled, inside)[inside] - ct[inside]).mean()
    found = written["methods"]["intensity-map"]["validation"]["body.mae"]["mean"]
    assert found == pytest.approx(expected)


def test_the_papers_tables_stand_beside_ours(study: Path) -> None:
    text = (study / "study.md").read_text(encoding="utf-8")
    assert re.findall(r"### Table (\d+) ", text) == ["9", "10", "13", "14", "16", "17"]
    mae = record(study)["methods"]["unet-mae"]["validation"]["paper.mae"]["mean"]
    table = text.partition("### Table 10 ")[2].partition("###")[0]
    (row,) = [line for line in table.splitlines() if line.startswith("| u-net, MAE |")]
    assert row.startswith("| u-net, MAE | 20 542 | 123.6 | 70 846 | 47.93 | 2 | ")
    assert row.split(" | ")[6] == f"{mae:,.1f}".replace(",", "\u2009")
    (row,) = [line for line in table.splitlines() if line.startswith("| u-net, MAE + GDL |")]
    assert "not yet trained" in row  # it is none of the small experiments
    assert r"Four \*heads\*" in text  # a cohort's name is no markup
    for picture in re.findall(r"\(figures/([^)]+)\)", text):
        assert (study / "figures" / picture).read_bytes().startswith(b"\x89PNG")


def test_the_page_holds_everything_and_loads_nothing(study: Path) -> None:
    html = (study / "study.html").read_text(encoding="utf-8")
    assert "Table 17 (section 4.3)" in html
    assert "Four *heads*" in html
    assert html.count("data:image/png;base64,") == len(list((study / "figures").glob("*.png"))) - 1
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert "does not" in html  # two steps do not beat the intensity map, and the page says so


def test_a_second_call_trains_and_judges_nothing(four: Path, copy: Path) -> None:
    before = weights(copy)
    _, heard = again(four, copy)
    assert (heard.trained, heard.judged, heard.said) == ({}, {}, [])
    assert weights(copy) == before


@pytest.mark.parametrize("stop", [("unet-mae", 1), ("context-gan", 5)])
def test_a_killed_study_goes_on_where_it_was(
    four: Path,
    study: Path,
    tmp_path: Path,
    small: None,
    without_figures: None,
    stop: tuple[str, int],
) -> None:
    folder = tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        reproduce(four, folder, watcher=Heard(stop), only=(stop[0],))
    name, step = stop
    _, heard = again(four, folder, only=(name,))
    assert heard.trained[name][0] == step + 1  # kept at every step
    assert [text.partition(":")[0] for text in heard.finished] == [name]
    assert "validation MAE" in heard.finished[0]
    uninterrupted = weights(study)
    made = weights(folder)
    assert made
    assert made == {path: uninterrupted[path] for path in made}
    assert list(heard.trained) == [name]


def test_another_recipe_is_trained_anew_with_what_starts_from_it(
    four: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unet, gan, *rest = small_experiments()
    adam = gan.recipe.optimizer.model_copy(update={"learning_rate": 1e-3})
    changed = replace(gan, recipe=gan.recipe.model_copy(update={"optimizer": adam}))
    monkeypatch.setattr("mrtoct.study.plan.paper_experiments", lambda: (unet, changed, *rest))
    before = record(copy)["methods"]
    _, heard = again(four, copy, cohort="Four *heads*")
    assert list(heard.trained) == list(heard.judged) == ["pix2pix", "pix2pix-boost"]
    assert [text.partition(":")[0] for text in heard.said] == ["pix2pix", "pix2pix-boost"]
    after = record(copy)["methods"]
    assert {m for m in METHODS if before[m] != after[m]} == {"pix2pix", "pix2pix-boost"}


def test_a_store_prepared_anew_makes_everything_out_of_date(
    four: Path, copy: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(four, tmp_path / "store"))
    file = store / "s0" / "subject.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "fingerprint": "another"}))
    (file.parent / "SHA256SUMS").unlink()
    results, heard = again(store, copy, only=("unet-mae",))
    assert list(heard.trained) == ["unet-mae"]
    assert [m.name for m in results.methods] == ["unet-mae", "intensity-map", "water"]
    assert (
        "Not finished yet: pix2pix, pix2pix-boost, context-gan." in (copy / "study.md").read_text()
    )


def test_overwrite_does_what_is_named_anew_and_nothing_else(four: Path, copy: Path) -> None:
    results, heard = again(four, copy, only=("pix2pix",), overwrite=True)
    assert list(heard.trained) == ["pix2pix"]
    # Fine-tuning went on from weights that are gone.
    assert not (copy / "fold-1" / "runs" / "pix2pix-boost").exists()
    assert "pix2pix-boost" not in results.judged
    assert "context-gan-2" in results.judged
    _, heard = again(four, copy)
    assert list(heard.trained) == ["pix2pix-boost"]


def test_other_settings_are_refused_until_told_to_start_anew(four: Path, copy: Path) -> None:
    before = weights(copy)
    for options in ({}, {"only": ("unet-mae",), "overwrite": True}):
        with pytest.raises(
            FileError, match="no time budget and one split, not no time budget and 2 folds"
        ):
            again(four, copy, settings=Settings(folds=2), **options)
    assert weights(copy) == before


def test_in_cross_validation_everybody_is_judged_once(
    four: Path, tmp_path: Path, small: None, without_figures: None
) -> None:
    results, heard = again(four, tmp_path / "study", settings=Settings(folds=2), only=("unet-mae",))
    assert list(heard.trained) == ["unet-mae, fold 1/2", "unet-mae, fold 2/2"]
    assert results.subjects("validation") == ["s0", "s1", "s2", "s3"]
    assert len(results.evaluations("unet-mae")) == 4
    made = results.judged["unet-mae"]
    assert sum(j.role == "train" for j in made) == 4
    assert sum(j.role == "validation" for j in made) == 4


def test_a_folder_of_other_things_is_left_alone(four: Path, tmp_path: Path, small: None) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(FileError, match="is not empty and holds no study"):
            again(four, tmp_path, overwrite=overwrite)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(FileError, match="is a file; name a folder"):
        again(four, tmp_path / "notes.txt")


def test_a_study_moved_to_another_machine_stays_what_it_is(four: Path, copy: Path) -> None:
    plan = copy / "plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "device": "cuda"}))
    results, heard = again(four, copy)
    assert results.plan.device == "cuda"
    assert heard.trained == {}


def test_killed_before_it_began_anew_it_does_not_resume_what_is_out_of_date(
    four: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unet, *rest = small_experiments()
    training = unet.recipe.training.model_copy(update={"seed": 5})
    changed = replace(unet, recipe=unet.recipe.model_copy(update={"training": training}))
    monkeypatch.setattr("mrtoct.study.plan.paper_experiments", lambda: (changed, *rest))

    def killed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mrtoct.study.run.train", killed)
        with pytest.raises(KeyboardInterrupt):
            again(four, copy)
    _, heard = again(four, copy)
    assert heard.trained == {"unet-mae": [1, 2]}


def test_a_damaged_study_is_named(four: Path, copy: Path) -> None:
    (copy / "plan.json").write_text("{}")
    with pytest.raises(FileError, match=r"plan\.json is damaged"):
        again(four, copy)
