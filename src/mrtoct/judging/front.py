"""What a scientist calls: measure one synthetic CT, judge those of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.io.as_volume import ANY_UNIT, VolumeLike, as_volume
from mrtoct.judging.judge import Terms, require_hu
from mrtoct.judging.judgement import Judgement
from mrtoct.judging.methods import FOUND
from mrtoct.judging.metrics.evaluation import Evaluation, evaluation_of
from mrtoct.judging.named import Request, judge_cohort, judge_pair, single
from mrtoct.prepare.mask import head_mask_ct


def evaluate(
    sct: VolumeLike, ct: VolumeLike, mask: VolumeLike | None = None, *, force: bool = False
) -> Evaluation:
    """Measure a synthetic CT against the real one, in HU inside a mask.

    Parameters
    ----------
    sct : Volume, path, or image of nibabel or SimpleITK
        The synthetic CT in HU.
    ct : Volume, path, or image of nibabel or SimpleITK
        The real one, on the same grid.
    mask : Volume, path, or image of nibabel or SimpleITK, optional
        Voxels above 0 are compared; without it, the head found on the CT. Errors inside different
        masks are not comparable. What was not measured in either CT is left out: `left_out`.
    force : bool
        Whether to measure what is not in HU by its values, too.

    Returns
    -------
    Evaluation
        Every metric; HU unless a field says otherwise, NaN where undefined.

    Raises
    ------
    GeometryError
        If the volumes are not on one grid: none is resampled silently.
    ValueRangeError
        If a volume is not in HU, or holds infinite voxels, or the mask is empty.

    Examples
    --------
    >>> import mrtoct
    >>> found = mrtoct.evaluate("ct.nii.gz", "ct.nii.gz")
    >>> found.body.mae, found.bone.dice
    (0.0, 1.0)
    """
    real, made = as_volume(ct, "HU", "CT"), as_volume(sct, "HU", "synthetic CT")
    for volume, name in ((real, "the CT"), (made, "the synthetic CT")):
        require_hu(volume, name, force=force)
    made = made.stored_as(real.grid)
    where = (
        head_mask_ct(real)
        if mask is None
        else as_volume(mask, ANY_UNIT, "mask").stored_as(real.grid)
    )
    source = FOUND if mask is None else "given mask"
    return evaluation_of(made, real, where, source)


def judge(
    sct: Path | str,
    ct: Path | str,
    *,
    mask: Path | str | None = None,
    against: Path | str | None = None,
    subjects: Sequence[str] = (),
    terms: Terms = Terms(),
    workers: int = 1,
    device: str = "auto",
    watcher: Watcher = nobody,
) -> Judgement:
    """Judge synthetic CTs, or a model, on every subject of a cohort.

    Parameters
    ----------
    sct : Path or str
        A volume, a folder of synthetic CTs from any tool, or a bundle such as RUN/best.
    ct : Path or str
        The real CT, a folder of CTs, or a store that `prepare_cohort` made, which a bundle needs.
    mask : Path or str, optional
        A volume or a folder of masks. Without it the head, found on the CT; a store has its own
        masks.
    against : Path or str, optional
        A rival of sct on the same subjects.
    subjects : sequence of str
        Of a cohort, these alone. Without names, all that the bundle did not learn from.
    terms : Terms
        Whether to judge also what is not in HU, or lies on another grid, and where to measure
        seams.
    workers : int
        Processes that work at once.
    device : str
        auto, cpu, cuda or cuda:N, for bundles.
    watcher : callable
        Told of every subject (see `mrtoct.hardware.progress`).

    Returns
    -------
    Judgement
        Every subject's evaluations by method; means with intervals by `summary`, differences from a
        rival by `paired`.

    Raises
    ------
    CohortError
        If nobody can be judged, or the arguments do not fit one another.

    Examples
    --------
    >>> import mrtoct
    >>> found = mrtoct.judge("ct.nii.gz", "ct.nii.gz")
    >>> found.methods, found.of("ct.nii.gz")[0].body.mae
    (['ct.nii.gz'], 0.0)
    """
    request = Request(
        Path(sct),
        Path(ct),
        None if mask is None else Path(mask),
        None if against is None else Path(against),
        tuple(subjects),
        terms,
        workers=workers,
        device=device,
    )
    return judge_pair(request) if single(request) else judge_cohort(request, watcher)
