"""Run the paper's study on a store, or go on with it, and write what it found."""

from __future__ import annotations

from pathlib import Path

from mrtoct.hardware.devices import device_named
from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.io.atomic import write_text
from mrtoct.study.contents import as_json, contents_of
from mrtoct.study.figures import write_figures
from mrtoct.study.folder import open_study, recorded_device
from mrtoct.study.markdown import markdown
from mrtoct.study.page import render
from mrtoct.study.plan import Plan, Settings, chosen, make_plan
from mrtoct.study.results import Results, gather
from mrtoct.study.run import run_study


def reproduce(
    store: Path | str,
    study: Path | str,
    *,
    settings: Settings = Settings(),
    only: tuple[str, ...] = (),
    cohort: str = "",
    overwrite: bool = False,
    device: str = "auto",
    watcher: Watcher = nobody,
) -> Results:
    """Train and judge what is missing in a study's folder, then write its page, tables, figures.

    only names the experiments to bring up to date; those they start from come with them. cohort
    is what to call the subjects, by default the store's folder. overwrite does anew what is
    asked for. device is what networks run on, and watcher is told of each training and method by
    its title. Raises MrtoctError for a store, a folder or names that cannot be used.
    """
    store, study = Path(store), Path(study)
    # A study that moved to another machine stays what it is: its pages can be made anywhere.
    kept = None if overwrite and not only else recorded_device(study)
    plan = make_plan(store, settings, kept or device_named(device).type)
    experiments = chosen(plan, only)
    # What goes on from an experiment that is done anew is out of date, too.
    anew = [e for e in plan.experiments if e.name in only or e.start in only] if only else None
    open_study(study, plan, anew=overwrite, experiments=anew)
    run_study(study, plan, experiments, device, watcher)
    results = gather(study, plan, cohort or store.resolve().name)
    write_outputs(results)
    return results


def write_outputs(results: Results) -> None:
    """Write or replace study.html, study.md, study.json and the figures."""
    study = results.study
    contents = contents_of(results, write_figures(results))
    write_text(study / "study.json", as_json(results, contents), overwrite=True)
    write_text(study / "study.md", markdown(contents), overwrite=True)
    write_text(study / "study.html", render(results, contents), overwrite=True)


__all__ = ["Plan", "Results", "Settings", "reproduce"]
