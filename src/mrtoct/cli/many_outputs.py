"""Which MR of each of many heads is taken, where its results go, and what is said beside them.

In BIDS, OUT is a data set of derivatives. Else it mirrors the heads' names, so that mrtoct evaluate
OUT CTS finds them again: OUT/NAME_sct.nii.gz, and a CT series in OUT/NAME/sct/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mrtoct._version import __version__
from mrtoct.cli.one_head import Manner, Outputs, Translated
from mrtoct.datasets.bids import derivatives
from mrtoct.datasets.heads import HeadFiles, Heads
from mrtoct.errors import CohortError, FileError
from mrtoct.io.files import VOLUME_ENDINGS, ending, sidecar
from mrtoct.io.measured import measured_file
from mrtoct.io.scan import Scan
from mrtoct.translation.bundle import Bundle

KEPT_ENDINGS = (".mha", ".nrrd", ".nii")
"""Of an MR, which its synthetic CT has, too; of any other it is .nii.gz."""


@dataclass(frozen=True)
class Job:
    """One head to be translated."""

    name: str
    scans: Mapping[str, Scan]
    """By the model's channels, in their order."""
    outputs: Outputs
    taken: str
    """Which files these are, in words."""
    sources: Sequence[str] = ()
    """Their BIDS URIs; elsewhere no JSON is written."""

    @property
    def volumes(self) -> list[Path]:
        """The volumes that are written."""
        return [path for path in (self.outputs.sct, self.outputs.deviation) if path is not None]

    @property
    def paths(self) -> list[Path]:
        """All that is written."""
        beside = [sidecar(path) for path in self.volumes] if self.sources else []
        return [*self.outputs.paths, *beside]

    @property
    def leftovers(self) -> list[Path]:
        """All that may be there where the work was stopped: records of what was measured, too."""
        files = [path for path in self.volumes if path.name.lower().endswith(VOLUME_ENDINGS)]
        return [*self.paths, *(measured_file(path, ending(path)) for path in files)]

    def is_done(self) -> bool:
        """Tell whether all results are there; FileError where only some are, or of another MR."""
        there = [path for path in self.paths if path.exists()]
        if not there:
            return False
        if lacking := [path for path in self.paths if path not in there]:
            raise FileError(
                f"{there[0]} exists already, {lacking[0]} does not", overwrite="to replace all"
            )
        if self.sources and derivatives.sources_of(self.outputs.sct) != list(self.sources):
            raise FileError(f"{self.outputs.sct} belongs to another MR", overwrite="to replace it")
        return True

    def describe(self, made: Translated, bundle: Bundle, *, overwrite: bool) -> None:
        """Write the JSON of each volume, in BIDS."""
        if not self.sources:
            return
        model = _model(bundle)
        facts = {
            "GeneratedBy": [{"Name": "mrtoct", "Version": __version__}],
            "Model": model.to_json(),
            "Warnings": [*(str(finding) for finding in made.findings), *made.doubts],
        }
        what = f"Synthetic CT, estimated from MR by the model {model}, not measured"
        meant = {
            self.outputs.sct: f"{what}; -1024 outside the head",
            self.outputs.deviation: f"{what}: its standard deviation; 0 outside the head",
        }
        for path in self.volumes:
            said = {"Description": meant[path], **facts}
            derivatives.write_sidecar(path, self.sources, said, overwrite=overwrite)


def plan_jobs(
    source: Path,
    found: Heads,
    folders: Outputs,
    manner: Manner,
    bundle: Bundle,
    contrasts: Sequence[str],
    *,
    overwrite: bool,
) -> tuple[list[Job], dict[str, str]]:
    """Return what to do, and by name why that is nothing; in BIDS, begin the data set OUT.

    contrasts are the channels to take of a head that has several, the first that is there.
    """
    if contrasts and len(bundle.channels) > 1:
        raise CohortError(
            f"{manner.model} needs the MR channels {', '.join(bundle.channels)}, so no contrast "
            "can be chosen; leave out --contrast"
        )
    _require_folders(source, folders)
    jobs: list[Job] = []
    rejected = dict(found.rejected)
    for head in found.heads:
        try:
            jobs.append(_job(source, found.layout, head, folders, manner, bundle, contrasts))
        except CohortError as error:
            rejected[head.name] = str(error)
    if jobs and found.layout == "bids":
        for root in dict.fromkeys(filter(None, (folders.sct, folders.deviation))):
            derivatives.begin_dataset(root, source, _model(bundle), overwrite=overwrite)
    return jobs, rejected


def _job(
    source: Path,
    layout: str,
    head: HeadFiles,
    folders: Outputs,
    manner: Manner,
    bundle: Bundle,
    contrasts: Sequence[str],
) -> Job:
    scans = _chosen(head, bundle.channels, contrasts)
    paths = [scan.path for scan in scans.values()]
    taken = ", ".join(path.relative_to(source).as_posix() for path in paths)
    if len(head.mr) > len(scans):
        taken += f" (there are {', '.join(head.mr)})"
    if layout == "bids":
        sources = [derivatives.source_uri(path, source) for path in paths]
        outputs = _derived(source, paths[0], head.name, folders)
        return Job(head.name, scans, outputs, taken, sources)
    return Job(head.name, scans, _mirrored(paths[0], head.name, folders, manner), taken)


def _chosen(head: HeadFiles, channels: Sequence[str], contrasts: Sequence[str]) -> dict[str, Scan]:
    """Return the MR of each of a model's channels; for one channel any MR will do."""
    there = ", ".join(head.mr)
    if len(channels) > 1:
        if lacking := [name for name in channels if name not in head.mr]:
            raise CohortError(f"the model needs the MR {', '.join(lacking)}, there is only {there}")
        return {name: head.mr[name] for name in channels}
    # A channel of the model's own name is what it was trained on.
    order = contrasts or (*channels, *head.mr)
    for contrast in order:
        if contrast in head.mr:
            return {channels[0]: head.mr[contrast]}
    raise CohortError(f"there is no MR {' or '.join(order)}, only {there}")


def _mirrored(mr: Path, name: str, folders: Outputs, manner: Manner) -> Outputs:
    ending = next((e for e in KEPT_ENDINGS if mr.name.lower().endswith(e)), ".nii.gz")
    return Outputs(
        folders.sct / name / "sct" if manner.dicom else folders.sct / f"{name}_sct{ending}",
        folders.deviation and folders.deviation / f"{name}_deviation{ending}",
        folders.page and folders.page / f"{name}.html",
    )


def _derived(dataset: Path, mr: Path, name: str, folders: Outputs) -> Outputs:
    at, deviation = derivatives.derived_path, folders.deviation
    return Outputs(
        at(mr, dataset, folders.sct, derivatives.SCT),
        deviation and at(mr, dataset, deviation, derivatives.DEVIATION),
        folders.page and folders.page / f"{name}.html",
    )


def _model(bundle: Bundle) -> derivatives.Model:
    told = bundle.provenance
    recipe = told.get("recipe")
    name = told.get("name") or (recipe.get("name") if isinstance(recipe, dict) else "")
    return derivatives.Model(str(name or "unnamed"), str(told.get("version", "")))


def _require_folders(source: Path, folders: Outputs) -> None:
    """Raise FileError where a file is, or where results would lie among the heads."""
    for path in folders.paths:
        if path.exists() and not path.is_dir():
            raise FileError(f"{path} is a file; a folder is needed for the heads in {source}")
        if path.resolve() == source.resolve():
            raise FileError(f"{path} is the folder of the heads; name another folder to write to")
