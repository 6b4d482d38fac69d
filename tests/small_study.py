"""A study small enough for a test: networks of a few weights, two steps each."""

from __future__ import annotations

from mrtoct.hardware.progress import Update
from mrtoct.study.experiments import Experiment
from mrtoct.training.recipe import Recipe


def recipe(name: str, **sections: object) -> Recipe:
    values = {
        "name": name,
        "data": {"spacing": [8, 8, 8], "size": [32, 32]},
        "model": {"width": 2, "depth": 3},
        "training": {"steps": 2, "batch": 2, "validate_every": 1, "precision": "float32"},
        "split": {"validation": 0.25},
    }
    return Recipe.model_validate({**values, **sections})


def small_experiments() -> tuple[Experiment, ...]:
    against = {"adversarial": {"width": 2}}
    cascade = {
        "model": {"kind": "context", "width": 1},
        "auto_context": {"iterations": 2, "folds": 2},
    }
    return (
        Experiment("unet-mae", "4.1", "u-net, MAE", recipe("a")),
        Experiment("pix2pix", "4.2", "pix2pix", recipe("b", **against)),
        Experiment(
            "pix2pix-boost",
            "4.3",
            "fine-tuned",
            recipe("c", **against, focus={"bone": 1.0}),
            start="pix2pix",
        ),
        Experiment("context-gan", "3.3", "3-D GAN", recipe("d", **cascade)),
    )


class Heard:
    """A watcher that remembers; it can interrupt at a step of a training."""

    def __init__(self, stop: tuple[str, int] | None = None) -> None:
        self.said: list[str] = []
        self.finished: list[str] = []
        self.trained: dict[str, list[int]] = {}
        self.judged: dict[str, int] = {}
        self._stop = stop

    def __call__(self, update: Update) -> None:
        if update.title.startswith("judge "):
            self.judged[update.title.removeprefix("judge ")] = update.total or 0
        elif update.message:
            done = f"{update.title}: {update.done} steps, "
            (self.finished if update.message.startswith(done) else self.said).append(update.message)
        else:
            self.trained.setdefault(update.title, []).append(update.done)
            if (update.title, update.done) == self._stop:
                raise KeyboardInterrupt
