"""Who else keeps the figures of a training: what they are told, and that they go on."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.training import trackers
from mrtoct.training.curves import CurvePoint, Curves
from mrtoct.training.trackers import entries_of, open_trackers, require_trackers

POINTS = [CurvePoint(10, 1.5, 2e-4, 0.25, None), CurvePoint(20, 3.0, 1e-4, 0.125, 90.0)]


class FakeMlflow:
    """The few calls of MlflowClient that are used."""

    def __init__(self):
        self.params, self.metrics, self.ended = {}, [], []

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return f"id of {name}"

    def create_run(self, experiment, run_name):
        assert experiment == "id of mrtoct"
        return SimpleNamespace(info=SimpleNamespace(run_id=f"id of {run_name}"))

    def log_param(self, run, key, value):
        self.params[run, key] = value

    def log_metric(self, run, name, value, step):
        self.metrics.append((run, name, value, step))

    def set_terminated(self, run, status):
        self.ended.append((run, status))


@pytest.fixture
def mlflow(monkeypatch):
    client = FakeMlflow()
    module = SimpleNamespace(MlflowClient=lambda: client, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return client


def test_tensorboard_gets_what_curves_get(tmp_path):
    with Curves(tmp_path, trackers=open_trackers(tmp_path, 0, (), {})) as curves:
        for point in POINTS:
            curves.add(point)
    from tensorboardX.proto.event_pb2 import Event

    (file,) = (tmp_path / "tensorboard").iterdir()
    content, found = file.read_bytes(), []
    while content:  # length (8 bytes), its checksum (4), the event, its checksum (4)
        size = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + size])
        found += [(v.tag, v.simple_value, event.step) for v in event.summary.value]
        content = content[16 + size :]
    assert ("train_loss", 0.25, 10) in found
    assert ("validation_mae", 90.0, 20) in found
    assert not [entry for entry in found if entry[0] == "validation_mae" and entry[2] == 10]


def test_mlflow_gets_the_recipe_once_and_goes_on_with_the_same_run(tmp_path, mlflow):
    told = entries_of({"name": "unet", "optimizer": {"learning_rate": 0.01}, "loss": [1, 2]})
    assert told == {"name": "unet", "optimizer.learning_rate": "0.01", "loss": "[1, 2]"}
    run = tmp_path / "RUN"
    run.mkdir()
    opened = open_trackers(run, 0, ("mlflow",), told)
    with pytest.raises(KeyboardInterrupt), Curves(run, trackers=opened) as curves:
        curves.add(POINTS[0])
        raise KeyboardInterrupt
    with Curves(run, until=10, trackers=open_trackers(run, 10, ("mlflow",), {})) as curves:
        curves.add(POINTS[1])
    assert mlflow.params == {("id of RUN", key): value for key, value in told.items()}
    assert mlflow.ended == [("id of RUN", "FAILED"), ("id of RUN", "FINISHED")]
    assert ("id of RUN", "train_loss", 0.125, 20) in mlflow.metrics


def test_wandb_is_told_under_one_name(tmp_path, monkeypatch):
    begun, logged, ended = [], [], []
    fake = SimpleNamespace(
        id="id-1",
        log=lambda figures, step: logged.append((step, figures["train_loss"])),
        finish=lambda exit_code: ended.append(exit_code),
    )
    module = SimpleNamespace(init=lambda **told: begun.append(told) or fake)
    monkeypatch.setitem(sys.modules, "wandb", module)
    for until, point in ((0, POINTS[0]), (10, POINTS[1])):
        tracker = trackers.WeightsAndBiases(tmp_path, until, {"name": "unet"})
        tracker.add(point.step, {"train_loss": point.train_loss})
        tracker.close(failed=False)
    assert [told["id"] for told in begun] == [None, "id-1"]
    assert begun[0]["config"] == {"name": "unet"}
    assert logged == [(10, 0.25), (20, 0.125)]
    assert ended == [0, 0]


def test_one_that_is_not_there_is_named_with_what_to_do(monkeypatch):
    with pytest.raises(ValueRangeError, match="no tracker 'neptune'; there are mlflow, wandb"):
        require_trackers(("neptune",))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileError, match=r"wandb is not installed: pip install 'mrtoct\[wandb\]'"):
        require_trackers(("wandb",))
