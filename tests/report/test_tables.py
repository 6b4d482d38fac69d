import io

from rich.console import Console

from mrtoct.judging.metrics.metric import METRICS
from mrtoct.report.tables import method_table, subject_table


def text_of(table):
    stream = io.StringIO()
    Console(file=stream, width=200, color_system=None).print(table)
    return stream.getvalue()


def row_of(text, title):
    [line] = [line for line in text.splitlines() if title in line]
    return [cell.strip() for cell in line.strip("│ ").split("│")]


def test_method_table_shows_mean_and_deviation(subjects):
    ours = [s.evaluations["u-net"] for s in subjects]
    water = [s.evaluations["water"] for s in subjects]
    text = text_of(method_table({"u-net": ours, "water": water}, title="demo"))
    values = [e.body.mae for e in ours]
    mean = sum(values) / 3
    deviation = (sum((v - mean) ** 2 for v in values) / 2) ** 0.5
    assert row_of(text, "MAE, body")[1] == f"{mean:.1f} ± {deviation:.1f}"
    assert row_of(text, "Dice, bone")[2] == "0.000 ± 0.000"
    assert "3 subjects" in text
    assert all(metric.title in text for metric in METRICS.values())


def test_one_subject_has_no_deviation(subjects):
    evaluation = subjects[0].evaluations["u-net"]
    text = text_of(method_table({"u-net": [evaluation]}))
    assert row_of(text, "MAE, body")[1] == f"{evaluation.body.mae:.1f}"


def test_subject_table_has_a_column_per_subject(subjects):
    text = text_of(subject_table({s.name: s.evaluations["u-net"] for s in subjects}))
    expected = [f"{s.evaluations['u-net'].bone.mae:.1f}" for s in subjects]
    assert row_of(text, "MAE, bone")[1:] == expected
