"""Pairs, folders and rivals, with errors worked out again voxel by voxel."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from mrtoct.errors import CohortError, GeometryError, ValueRangeError
from mrtoct.hardware.progress import Update
from mrtoct.io.files import read_volume, write_volume
from mrtoct.judging.judge import Terms
from mrtoct.judging.metrics.evaluation import evaluation_of
from mrtoct.judging.named import Request, judge_cohort, judge_pair, single
from mrtoct.judging.summary import summarise


@pytest.fixture
def cohort(folders):
    return {
        "made": folders.write("made", "sct", "before"),
        "rival": folders.write("rival", "sct", "folders", amount=2.0),
        "real": folders.write("real", "ct", "folders"),
        "mask": folders.write("real", "mask", "folders"),
    }


def by_metric(result, key):
    return next(m for m in result.metrics if m.key == key)


def test_a_folder_is_judged_subject_by_subject(folders, cohort):
    told = []
    request = Request(cohort["made"], cohort["real"], cohort["mask"])
    assert not single(request)
    result = judge_cohort(request, told.append)
    assert [s.subject for s in result.subjects] == list(folders.subjects)
    assert result.methods == [str(cohort["made"]), "water"]
    assert result.masks == {"masks in real": 3}
    assert (result.notes, result.unmatched, result.failed) == ([], {}, {})
    assert told == [Update(n, 3, name) for n, name in enumerate(folders.subjects, start=1)]
    for subject in result.subjects:
        ct, mask, _ = folders.subjects[subject.subject]
        assert subject.role == "unknown"
        assert subject.evaluations[str(cohort["made"])].body.mae == pytest.approx(
            folders.mae(subject.subject, 1.0)
        )
        water = subject.evaluations["water"]
        assert water.body.mae == pytest.approx(
            np.abs(ct.voxels[mask.voxels > 0].astype(int)).mean()
        )


def test_processes_that_finish_in_another_order_change_nothing(cohort, monkeypatch):
    request = Request(cohort["made"], cohort["real"], cohort["mask"])
    alone = judge_cohort(request)

    def spread(function, jobs, workers, scheduler):
        assert workers == 3  # never more than there are subjects
        sent = [pickle.dumps(job) for job in jobs]
        yield from (function(*pickle.loads(job)) for job in reversed(sent))

    monkeypatch.setattr("mrtoct.judging.judge.spread", spread)
    result = judge_cohort(replace(request, workers=8))
    assert json.dumps(result.to_json()) == json.dumps(alone.to_json())


def test_a_rival_is_compared_on_the_same_subjects(folders, cohort):
    (cohort["rival"] / "1BA005" / "sct.nii.gz").unlink()
    result = judge_cohort(
        Request(cohort["made"], cohort["real"], cohort["mask"], against=cohort["rival"])
    )
    made, rival = str(cohort["made"]), str(cohort["rival"])
    assert result.methods == [made, rival, "water"]
    assert result.unmatched == {f"no synthetic CT in {rival}": ["1BA005"]}
    names = [s.subject for s in result.subjects]
    assert names == ["1BA001", "head.2"]
    mae = by_metric(result, "body.mae")
    expected = [folders.mae(name, 1.0) - folders.mae(name, 2.0) for name in names]
    paired = result.paired(rival, mae)
    assert paired.difference.mean == pytest.approx(np.mean(expected))
    assert (paired.better_in, paired.verdict) == (2, "too few subjects")
    plain = result.to_json()
    assert plain["paired"][rival]["body.mae"]["better_in"] == 2
    assert plain["paired"][rival]["body.mae"]["difference"]["mean"] == pytest.approx(
        np.mean(expected)
    )


def test_the_json_holds_every_number_and_the_summary_of_them(cohort):
    result = judge_cohort(Request(cohort["made"], cohort["real"], cohort["mask"]))
    plain = json.loads(json.dumps(result.to_json(), allow_nan=False))
    made = str(cohort["made"])
    each = [plain["subjects"][s]["methods"][made] for s in ("1BA001", "1BA005", "head.2")]
    summary = summarise([e["synthrad_2023"]["psnr"] for e in each])
    assert plain["summary"][made]["synthrad_2023.psnr"]["mean"] == pytest.approx(summary.mean)
    assert plain["summary"][made]["synthrad_2023.psnr"]["most"] == pytest.approx(summary.most)
    assert (plain["definitions"], plain["masks"]) == ("1", {"masks in real": 3})
    levels = plain["levels"][made]
    firsts = [e["levels"][0] for e in each]
    assert levels[0]["mae"]["subjects"] == 3
    assert levels[0]["mae"]["mean"] == pytest.approx(np.mean([level["mae"] for level in firsts]))
    bone = [level["bone_mae"] for level in firsts if level["bone_mae"] is not None]
    assert levels[0]["bone_mae"]["mean"] == pytest.approx(np.mean(bone))


@pytest.mark.parametrize(("years", "other"), [("2023", "2025"), ("2025", "2023")])
def test_one_year_leaves_the_other_out_everywhere(cohort, years, other):
    request = Request(cohort["made"], cohort["real"], cohort["mask"], years=years)
    result = judge_cohort(request)
    assert f"SynthRAD {years};" in result.described
    text = json.dumps(result.to_json()) + ",".join(next(result.rows()))
    assert f"synthrad_{years}" in text
    assert f"synthrad_{other}" not in text


def test_rows_have_a_figure_for_every_column_and_units_in_the_header(folders, cohort):
    result = judge_cohort(
        Request(cohort["made"], cohort["real"], cohort["mask"], against=cohort["rival"])
    )
    header, *rows = result.rows()
    assert len(rows) == 3 * 3
    assert {len(row) for row in rows} == {len(header)}
    assert "body.mae [HU]" in header
    assert "bone.hd95_mm [mm]" in header
    assert "bone.dice" in header
    table = [dict(zip(header, row, strict=True)) for row in rows]
    for row in table:
        amount = {str(cohort["made"]): 1.0, str(cohort["rival"]): 2.0}.get(row["method"])
        if amount is not None:
            assert float(row["body.mae [HU]"]) == pytest.approx(folders.mae(row["subject"], amount))
        assert row["mask"] == "masks in real"
        assert row["definitions"] == "1"
    # Water has no bone: its distance from the reference's is not a number.
    assert {row["bone.hd95_mm [mm]"] for row in table if row["method"] == "water"} == {""}


def test_a_subject_that_cannot_be_judged_stops_no_other(folders, cohort):
    bad = cohort["made"] / "sct_1BA001.mha"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    request = Request(cohort["made"], cohort["real"], cohort["mask"])
    result = judge_cohort(request)
    assert [s.subject for s in result.subjects] == ["1BA005", "head.2"]
    assert list(result.failed) == ["1BA001"]
    assert str(bad) in result.failed["1BA001"]
    for name in ("1BA005", "head.2"):
        (cohort["made"] / f"sct_{name}.mha").write_bytes(b"")
    with pytest.raises(
        CohortError, match=r"none of 3 subjects could be evaluated; 1BA001: .*sct_1BA"
    ):
        judge_cohort(request)


def test_subjects_can_be_chosen(cohort):
    request = Request(cohort["made"], cohort["real"], cohort["mask"], subjects=("head.2",))
    assert [s.subject for s in judge_cohort(request).subjects] == ["head.2"]
    wrong = Request(cohort["made"], cohort["real"], cohort["mask"], subjects=("head.3",))
    with pytest.raises(
        CohortError, match=r"no subject head\.3 .*there are 1BA001, 1BA005, head\.2"
    ):
        judge_cohort(wrong)


def test_a_pair_has_the_numbers_of_evaluate(cohort):
    request = Request(
        cohort["made"] / "sct_1BA001.mha",
        cohort["real"] / "1BA001" / "ct.nii.gz",
        cohort["real"] / "1BA001" / "mask.nii.gz",
        against=cohort["rival"] / "1BA001" / "sct.nii.gz",
    )
    assert single(request)
    result = judge_pair(request)
    sct, ct = (read_volume(path, "HU") for path in (request.sct, request.ct))
    mask = read_volume(request.mask, "label")
    (found,) = result.of(str(request.sct))
    assert found.to_json() == evaluation_of(sct, ct, mask, "mask.nii.gz").to_json()
    mae = by_metric(result, "body.mae")
    paired = result.paired(str(request.against), mae)
    (other,) = result.of(str(request.against))
    assert paired.difference.mean == found.body.mae - other.body.mae < 0
    assert paired.better_in == 1


def test_arguments_that_do_not_fit_are_told_apart(folders, cohort, tmp_path):
    made, real = cohort["made"], cohort["real"]
    one_sct, one_ct = made / "sct_1BA001.mha", real / "1BA001" / "ct.nii.gz"
    for request, message in (
        (Request(made, one_ct), f"{one_ct} is neither a folder"),
        (Request(made, tmp_path / "absent"), "absent is neither a folder"),
        (Request(made, real, against=made), "cannot be compared with itself"),
    ):
        assert not single(request)
        with pytest.raises(CohortError, match=message):
            judge_cohort(request)
    for request, message in (
        (Request(one_sct, real), "give two volumes, or two folders"),
        (Request(one_sct, one_ct, against=made), f"{made} is not a volume"),
        (Request(one_sct, one_ct, subjects=("a",)), "subjects can be chosen from a cohort"),
        (Request(one_sct, one_ct, against=one_sct), "cannot be compared with itself"),
    ):
        assert single(request)
        with pytest.raises(CohortError, match=message):
            judge_pair(request)
    bundle = tmp_path / "best"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}")
    with pytest.raises(CohortError, match=r"best is a bundle, .* prepared store"):
        judge_cohort(Request(bundle, real))


def test_errors_name_the_file(folders, cohort, tmp_path):
    one_sct, one_ct = cohort["made"] / "sct_1BA001.mha", cohort["real"] / "1BA005" / "ct.nii.gz"
    with pytest.raises(GeometryError, match=r"sct_1BA001\.mha .* and .*1BA005/ct\.nii\.gz"):
        judge_pair(Request(one_sct, one_ct))
    ct, _, _ = folders.subjects["1BA005"]
    raw = tmp_path / "raw.nii.gz"
    write_volume(raw, ct.with_voxels(ct.voxels + np.int16(1024)))
    with pytest.raises(ValueRangeError, match=r"raw\.nii\.gz: values run from .*intercept"):
        judge_pair(Request(raw, one_ct))
    where = cohort["real"] / "1BA005" / "mask.nii.gz"
    with pytest.raises(ValueRangeError, match="pass force=True to evaluate it anyway"):
        judge_pair(Request(raw, one_ct, where))
    doubted = judge_pair(Request(raw, one_ct, where, terms=Terms(force=True)))
    assert "raw.nii.gz: values run from" in doubted.notes[0]
    assert doubted.of(str(raw))[0].body.me == pytest.approx(1024)


def test_rivals_are_compared_where_both_were_measured(folders, tmp_path):
    """Else one would be excused from what the other is judged by."""
    ct, mask, noise = folders.subjects["1BA001"]
    write_volume(tmp_path / "ct.nii.gz", ct)
    write_volume(tmp_path / "mask.nii.gz", mask)
    cuts = {"a": np.s_[: ct.grid.shape[0] // 2], "b": np.s_[:, :, 2:]}
    seen = np.ones(ct.grid.shape, bool)
    for name, cut in cuts.items():
        measured = np.zeros(ct.grid.shape, bool)
        measured[cut] = True
        seen &= measured
        amount = {"a": 1, "b": 2}[name]
        sct = np.rint(np.where(measured, ct.voxels + amount * noise.voxels, -1024))
        sct = ct.with_voxels(sct.astype(np.int16)).measured_where(measured)
        write_volume(tmp_path / f"{name}.nii.gz", sct)
    paths = [tmp_path / f"{name}.nii.gz" for name in ("a", "ct", "mask", "b")]
    result = judge_pair(Request(*paths))
    inside = mask.voxels > 0
    for name, path in (("a", paths[0]), ("b", paths[3])):
        (found,) = result.of(str(path))
        error = np.abs(read_volume(path, "HU").voxels.astype(int) - ct.voxels)
        assert found.mask.voxels == (inside & seen).sum()
        assert found.body.mae == pytest.approx(error[inside & seen].mean()), name
        assert found.left_out.part == pytest.approx(1 - (inside & seen).sum() / inside.sum())
        assert found.left_out.mae == pytest.approx(error[inside].mean())
    (first,) = result.of(str(paths[0]))
    assert result.left_out == (
        f"{100 * first.left_out.part:.1f} % of the mask was not measured and is left out; with it "
        f"the MAE would be {first.left_out.mae:.1f} HU, not {first.body.mae:.1f}"
    )
    row = dict(zip(*list(result.rows())[:2], strict=True))
    assert float(row["left_out.part"]) == pytest.approx(first.left_out.part)
    assert float(row["left_out.mae [HU]"]) == pytest.approx(first.left_out.mae)
