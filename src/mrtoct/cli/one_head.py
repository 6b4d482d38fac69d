"""One head's whole way, for one file or one of many: read, doubted, translated, written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mrtoct._version import __version__
from mrtoct.check.finding import Finding
from mrtoct.cli.terminal import about, option
from mrtoct.cli.translation import refuse, refuse_unusable, write_page
from mrtoct.errors import FileError
from mrtoct.io.atomic import require_absent
from mrtoct.io.calibration import UNKNOWN, write_calibration
from mrtoct.io.dicom import Series, find_series, planning_grid, write_ct_series
from mrtoct.io.dicom.planning import require_transverse
from mrtoct.io.dicom.read import Uneven
from mrtoct.io.dicom.structures import Structure
from mrtoct.io.dicom.write import Slices
from mrtoct.io.files import ending, read_scan, require_volume_absent, sidecar, write_volume
from mrtoct.io.scan import Scan
from mrtoct.properties.plausible import doubts_about
from mrtoct.properties.structures import structures_of
from mrtoct.translation.training_cts import TrainingCts
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume


@dataclass(frozen=True)
class Manner:
    """How heads are translated, whichever they are."""

    model: str
    """As the user named it."""
    strict: bool = False
    """Refuse what is unlike the training's MR."""
    force: bool = False
    """Translate what is no head MR, too."""
    aligned: bool = False
    """Several channels lie in one frame already."""
    bias_correct: bool | None = None
    """Take the bias field off, or not; None: where the model needs it."""
    uneven: Uneven = "refuse"
    """What to do with DICOM slices that are missing or unevenly apart."""
    dicom: bool = False
    """Write a CT series in the MR's study, not a file."""
    slices: Slices = "transverse"
    """Of that series."""
    structures: bool = False
    """With a structure set in it."""


@dataclass(frozen=True)
class Outputs:
    """Where results go: one head's files, or the folders of many heads'; None is not wanted."""

    sct: Path
    """For a CT series a folder, too."""
    deviation: Path | None = None
    page: Path | None = None

    def absolute(self) -> Outputs:
        """Return the same places, whatever folder a process works in."""
        sct, deviation, page = self.sct, self.deviation, self.page
        return Outputs(sct.absolute(), deviation and deviation.absolute(), page and page.absolute())

    @property
    def paths(self) -> list[Path]:
        """All that is written."""
        return [path for path in (self.sct, self.deviation, self.page) if path is not None]


@dataclass(frozen=True)
class Head:
    """What was read of one head."""

    name: str
    """What its page is called."""
    scan: Scan
    mr: Volume
    """The model's first channel."""
    others: Mapping[str, Volume]
    """Its further channels."""
    series: Series | None
    """The DICOM series of mr, where a CT series is to belong to it."""


@dataclass(frozen=True)
class Translated:
    """What came of one head."""

    sct: Volume
    deviation: Volume | None
    findings: Sequence[Finding]
    """What is odd about the MR, and about the synthetic CT."""
    doubts: Sequence[str]
    """About the registration of its channels."""


def require_outputs(outputs: Outputs, *, dicom: bool, overwrite: bool) -> None:
    """Raise FileError where an output could not be written, or would replace another."""
    if not dicom:
        require_volume_absent(outputs.sct, overwrite=overwrite)
    require_absent(outputs.sct, overwrite=overwrite)
    if outputs.deviation is not None:
        ending(outputs.deviation)
        if outputs.deviation.absolute() == outputs.sct.absolute():
            raise FileError(f"SCT and --uncertainty both name {outputs.sct}; name two files")
        require_volume_absent(outputs.deviation, overwrite=overwrite)
    if outputs.page is not None:
        if outputs.page.suffix.lower() not in (".html", ".htm"):
            raise FileError(f"{outputs.page} is not the name of a page: it must end in .html")
        if outputs.page.is_dir():
            raise FileError(f"{outputs.page} is a folder; a file name is needed")
        require_absent(outputs.page, overwrite=overwrite)
    for path in outputs.paths:
        above = next((p for p in path.absolute().parents if p.exists()), None)
        if above is not None and not above.is_dir():
            raise FileError(f"{path} cannot be written: {above} is a file")


def read_head(scan: Scan, others: Mapping[str, Scan], manner: Manner, *, name: str) -> Head:
    """Read the MR of one head; it must be a series for a CT series to belong to it."""
    if manner.dicom and not scan.path.is_dir():
        raise FileError(
            f"{scan.path} is not a folder of DICOM files; --format dicom takes patient, study and "
            "frame of reference from the MR"
        )
    series = find_series(scan.path, "a.u.", scan.series) if manner.dicom else None
    mr = read_scan(scan, "a.u.", uneven=manner.uneven)
    further = {
        channel: read_scan(other, "a.u.", uneven=manner.uneven) for channel, other in others.items()
    }
    return Head(name, scan, mr, further, series)


def translate_head(
    translator: Translator,
    head: Head,
    outputs: Outputs,
    manner: Manner,
    *,
    overwrite: bool,
    tell: Callable[[str], None],
    stage: Callable[[str], None],
) -> Translated:
    """Look at a head, translate it and write what is wanted.

    Doubts are told in sentences, stage hears what is under way. Raises ValueRangeError where the
    head is refused; nothing is written then.
    """
    path = head.scan.path
    cts = translator.bundle.cts or TrainingCts()
    if head.series is None and cts.calibration != UNKNOWN:
        require_absent(sidecar(outputs.sct), overwrite=overwrite)
    channels = {translator.bundle.channels[0]: head.mr, **head.others}
    stage("looking")
    with about(path):
        channels, findings = translator.examined(channels, bias_correct=manner.bias_correct)
    findings = [finding.spelt(option) for finding in findings]
    _tell_all(findings, tell)
    if not manner.force:
        refuse_unusable(findings, path)
    if manner.strict:
        refuse(findings, translator.bundle.seen is not None, path, manner.model)

    stage("translating")
    doubts: list[str] = []

    def doubt(sentence: str) -> None:
        doubts.append(sentence)
        tell(f"warning: {sentence}")

    onto = head.mr.grid
    if head.series is not None and manner.slices == "transverse":
        onto = planning_grid(onto)
    if manner.structures:
        with about(path):
            require_transverse(onto)
    # A page shows the deviation of a model that can estimate it.
    estimated = translator.bundle.deviation is not None and (outputs.deviation or outputs.page)
    translated = translator.translate_with_deviation if estimated else translator.translate
    with about(path):
        result = translated(
            channels,
            aligned=manner.aligned,
            force=manner.force,
            bias_correct=False,  # it is, where it should be
            onto=onto,
            on_doubt=doubt,
        )
    sct, deviation = result if isinstance(result, tuple) else (result, None)

    stage("looking")
    odd = [finding.spelt(option) for finding in doubts_about(sct, cts.bone)]
    _tell_all(odd, tell)
    with about(path):
        drawn = structures_of(sct) if manner.structures else []

    stage("writing")
    how = f"Synthetic CT estimated from MR by mrtoct {__version__}"
    if any(finding.kind == "bias-corrected" for finding in findings):
        how += ", bias field corrected (N4)"
    sct = _write_sct(outputs.sct, sct, head.series, how, cts, drawn, manner.slices, overwrite)
    if outputs.deviation is not None and deviation is not None:
        told = "SD of synthetic CT [HU]"
        write_volume(outputs.deviation, deviation, overwrite=overwrite, description=told)
    if outputs.page is not None:
        write_page(
            outputs.page,
            head.name,
            translator.bundle,
            manner.model,
            mr=head.mr,
            sct=sct,
            deviation=deviation,
            findings=[*findings, *odd],
            overwrite=overwrite,
        )
    return Translated(sct, deviation, [*findings, *odd], doubts)


def _write_sct(
    path: Path,
    sct: Volume,
    series: Series | None,
    how: str,
    cts: TrainingCts,
    drawn: Sequence[Structure],
    slices: Slices,
    overwrite: bool,
) -> Volume:
    """Write a synthetic CT as a file, or into a series' study, with what its HU are like."""
    calibration = cts.calibration
    if any(known != UNKNOWN for known in cts.calibrations):
        how += f"; HU as of CTs: {cts}"
    if series is None:
        write_volume(path, sct, overwrite=overwrite)
        if calibration != UNKNOWN:
            write_calibration(path, calibration, how, overwrite=overwrite)
        return sct
    return write_ct_series(
        path,
        sct,
        series,
        derivation=how,
        calibration=calibration,
        slices=slices,
        structures=drawn,
        overwrite=overwrite,
    )


def _tell_all(findings: Sequence[Finding], tell: Callable[[str], None]) -> None:
    for finding in findings:
        tell(f"{'note' if finding.weight == 'note' else 'warning'}: {finding}")
