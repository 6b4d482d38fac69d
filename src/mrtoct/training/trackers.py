"""Where the figures of a training go beside curves.csv: TensorBoard, MLflow, Weights & Biases.

TensorBoard's files are always written, into RUN/tensorboard. The others are asked for by name, are
installed as extras, and take where they send what from their own settings, such as
MLFLOW_TRACKING_URI or WANDB_MODE=offline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.atomic import write_text

KNOWN_AS = "tracked.json"
"""File of a run that says under which name each tracker knows it, to go on with."""
PROJECT = "mrtoct"


class Tracker(Protocol):
    """Takes the figures of one training as they come."""

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Take the figures of a step."""

    def close(self, *, failed: bool) -> None:
        """Hear that the training ended, or was stopped."""


class TensorBoard:
    """Event files in RUN/tensorboard."""

    def __init__(self, run: Path, until: int) -> None:
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=until + 1)

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Write at once: who watches wants the newest."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self, *, failed: bool) -> None:
        """Close the file."""
        self._writer.close()


class MlFlow:
    """A run of MLflow, in the experiment mrtoct unless MLFLOW_EXPERIMENT_NAME says another."""

    def __init__(self, run: Path, until: int, told: Mapping[str, str]) -> None:
        import os

        from mlflow import MlflowClient

        self._client = MlflowClient()
        self._run = _known_as(run, "mlflow") if until else None
        if self._run is None:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
            found = self._client.get_experiment_by_name(name)
            experiment = found.experiment_id if found else self._client.create_experiment(name)
            self._run = self._client.create_run(experiment, run_name=run.name).info.run_id
            for key, value in told.items():
                self._client.log_param(self._run, key, value)
            _remember(run, "mlflow", self._run)

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Send the figures."""
        for name, value in figures.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self, *, failed: bool) -> None:
        """Tell how it ended."""
        self._client.set_terminated(self._run, "FAILED" if failed else "FINISHED")


class WeightsAndBiases:
    """A run of Weights & Biases, in the project mrtoct unless WANDB_PROJECT says another."""

    def __init__(self, run: Path, until: int, told: Mapping[str, str]) -> None:
        import os

        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            dir=str(run),
            config=dict(told),
            id=_known_as(run, "wandb") if until else None,
            resume="allow",
        )
        _remember(run, "wandb", self._run.id)

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Send the figures."""
        self._run.log(dict(figures), step=step)

    def close(self, *, failed: bool) -> None:
        """Tell how it ended."""
        self._run.finish(exit_code=int(failed))


TRACKERS: dict[str, Callable[[Path, int, Mapping[str, str]], Tracker]] = {
    "mlflow": MlFlow,
    "wandb": WeightsAndBiases,
}
"""Those that are asked for, by name: each is made of a run's folder, the step that it goes on from
(0: it is new) and the recipe's entries."""


def open_trackers(
    run: Path, until: int, names: tuple[str, ...], told: Mapping[str, str]
) -> list[Tracker]:
    """Return TensorBoard's and those named; FileError where one is not installed."""
    require_trackers(names)
    return [TensorBoard(run, until), *(TRACKERS[name](run, until, told) for name in names)]


def require_trackers(names: tuple[str, ...]) -> None:
    """Raise ValueRangeError for a tracker that is none, FileError for one not installed."""
    from importlib.util import find_spec

    for name in names:
        if name not in TRACKERS:
            raise ValueRangeError(f"no tracker {name!r}; there are {', '.join(TRACKERS)}")
        if find_spec(name) is None:
            raise FileError(f"{name} is not installed: pip install 'mrtoct[{name}]'")


def entries_of(recipe: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Return a recipe's entries by their full key, such as optimizer.learning_rate."""
    flat: dict[str, str] = {}
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            flat |= entries_of(value, f"{before}{key}.")
        elif value is not None:
            flat[f"{before}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat


def _known_as(run: Path, tracker: str) -> str | None:
    """Return the name that a tracker gave a run, if it has one."""
    try:
        known = json.loads((run / KNOWN_AS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = known.get(tracker) if isinstance(known, dict) else None
    return name if isinstance(name, str) else None


def _remember(run: Path, tracker: str, name: str) -> None:
    """Keep the name that a tracker gave a run beside those of the others."""
    known = {other: _known_as(run, other) for other in TRACKERS} | {tracker: name}
    text = json.dumps({key: value for key, value in known.items() if value}, indent=1)
    write_text(run / KNOWN_AS, text, overwrite=True)
