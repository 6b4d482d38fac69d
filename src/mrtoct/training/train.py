"""A store and a recipe into a trained bundle."""

from __future__ import annotations

from pathlib import Path

from mrtoct.errors import RecipeError
from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.networks.config import Sees
from mrtoct.prepare.store import open_subject, read_manifest
from mrtoct.training import ranks
from mrtoct.training.auto_context import train_cascade
from mrtoct.training.cohort import load_cohort, usable_subjects, wanted_channels
from mrtoct.training.distance import require_terms
from mrtoct.training.heads import train_heads
from mrtoct.training.launch import train_together
from mrtoct.training.loop import Trainer
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import finish_run, opened_run
from mrtoct.training.setting import Session
from mrtoct.training.slices import train_slices
from mrtoct.training.split import Split, split_subjects
from mrtoct.training.start import going_on_from
from mrtoct.training.trackers import require_trackers
from mrtoct.translation.pretrained.shipped import find_bundle

TRAINERS: dict[Sees, Trainer] = {
    "slices": train_slices,
    "patches": train_cascade,
    "heads": train_heads,
}
"""Who trains a network, by what it sees."""


def train(
    store: Path | str,
    run: Path | str,
    recipe: Recipe,
    *,
    start: Path | str | None = None,
    split: Split | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    watcher: Watcher = nobody,
    trackers: tuple[str, ...] = (),
    devices: int | None = None,
    nodes: int | None = None,
) -> Path:
    """Train a network on a prepared store.

    Parameters
    ----------
    store : Path or str
        A store that `prepare_cohort` made.
    run : Path or str
        Folder of this training. It gets best/ (the bundle to translate with), last/ (to resume
        from), curves.csv and run.json.
    recipe : Recipe
        What to train and how; see `load_recipe`.
    start : Path or str, optional
        A bundle, or the name of a shipped one, whose weights are taken to begin with.
    split : Split, optional
        Who trains, validates and tests, instead of what the recipe's seed gives.
    resume : bool
        Go on with a run that was stopped; it ends with the weights of one that never stopped.
    overwrite : bool
        Whether a run that is there already is replaced.
    device : str
        auto, cpu, cuda or cuda:N; auto takes a GPU where there is one.
    watcher : callable
        Told of every step, and after a validation of its error; print is one (see
        `mrtoct.hardware.progress`).
    trackers : tuple of str
        Who keeps its figures, beside curves.csv and TensorBoard: mlflow, wandb.
    devices : int, optional
        Processes that share each batch, one a device; they learn what one would have learnt. By
        default as many as torchrun or Slurm started, else 1.
    nodes : int, optional
        Machines that do so together; each runs the same call.

    Returns
    -------
    Path
        Folder of the best bundle.

    Raises
    ------
    RecipeError
        If a recipe does not go on from the start, or learns from simulated scans, or its batch
        cannot be divided among the devices.
    CohortError
        If the store cannot be trained on.
    FileError
        If the run is there already, and neither resume nor overwrite is asked for.
    MrtoctError
        If one of several processes was killed; resume goes on from the last checkpoint.

    Examples
    --------
    >>> import mrtoct
    >>> best = mrtoct.train("STORE", "RUN", mrtoct.load_recipe("demo"))
    >>> best.as_posix()
    'RUN/best'
    """
    if recipe.simulation is not None:
        raise RecipeError(f"recipe {recipe.name} is trained on simulated scans, not on a store")
    require_terms(recipe)
    arguments = {
        "store": Path(store),
        "run": Path(run),
        "recipe": recipe,
        "begin": None if start is None else find_bundle(start),
        "split": split,
        "overwrite": overwrite,
    }
    session = Session(resume, device, watcher, trackers)
    return train_together(_train, arguments, recipe, session, devices, nodes)


def _train(
    store: Path,
    run: Path,
    recipe: Recipe,
    begin: Path | None,
    split: Split | None,
    overwrite: bool,
    session: Session,
) -> Path:
    """Train in this process, alone or on its share of every batch."""
    manifest = read_manifest(store)
    channels = wanted_channels(recipe, manifest)
    if begin is not None:
        recipe = going_on_from(begin, recipe, channels)  # before a run's folder is made for nothing
    names = usable_subjects(recipe, manifest)
    parts = recipe.split
    split = split or split_subjects(names, parts.validation, parts.test, parts.seed)
    fingerprints = {name: open_subject(store, name).fingerprint for name in names}
    require_trackers(session.trackers)
    with opened_run(
        run, store, recipe, split, fingerprints, resume=session.resume, overwrite=overwrite
    ):
        cohort = load_cohort(store, channels, split, recipe)
        train_network = TRAINERS[recipe.model.sees]
        progress, used = train_network(run, recipe, cohort, begin, session)
        if ranks.leads():
            finish_run(run, step=progress.step, seconds=progress.seconds, device=used)
    return run / "best"
