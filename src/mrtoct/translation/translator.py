"""A trained bundle and an MR volume give a synthetic CT on exactly the MR's grid."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from mrtoct.check.finding import Finding, verdict_of
from mrtoct.errors import BundleError, ValueRangeError
from mrtoct.hardware.devices import device_named
from mrtoct.prepare.channels import checked_channels
from mrtoct.translation.bundle import Bundle, learnt_without_pairs, read_bundle
from mrtoct.translation.ensemble import Member, mean_hu, mean_hu_with_deviation, together
from mrtoct.translation.geometry import Patches
from mrtoct.translation.given import MrLike, by_channel
from mrtoct.translation.guard.doubts import doubts
from mrtoct.translation.predict import predict_stages
from mrtoct.translation.pretrained.shipped import DEFAULT, find_bundle
from mrtoct.translation.shading import AS_STORED, corrected
from mrtoct.translation.shown import Shown, head_and_box, shown_of
from mrtoct.translation.tiling import PatchGrid
from mrtoct.translation.ways import WAYS
from mrtoct.volume import Array, Grid, Volume

WITHOUT_PAIRS = Finding(
    "note",
    "without-pairs",
    "the model learnt without pairs: structures may be invented or missing and HU of whole tissues "
    "off, and nothing in the picture tells",
)
"""Said of every translation of such a bundle."""


class Translator:
    """Turns head MR volumes into synthetic CT volumes.

    Made by `Translator.load`, which takes a shipped model or one of your training, or several:
    then a synthetic CT is the mean of what they make.

    Its bundle says what the model is; of several, what they are together.

    Parameters
    ----------
    bundle : Bundle
        What the network is, and how MR and CT are scaled for it.
    network : torch.nn.Module
        The network.
    device : torch.device
        Where it computes.
    further : sequence of (Bundle, torch.nn.Module)
        More models, whose CTs are averaged with the first one's.
    names : sequence of str
        What the models are called, for sentences about them.

    Raises
    ------
    BundleError
        From load, if there is no such model or its files are damaged.

    Examples
    --------
    >>> import mrtoct
    >>> translator = mrtoct.Translator.load()  # the model that comes with mrtoct
    >>> sct = translator.translate("mr.nii.gz")
    >>> sct.unit, sct.grid.matches(mrtoct.read_volume("mr.nii.gz", "a.u.").grid)
    ('HU', True)
    """

    def __init__(
        self,
        bundle: Bundle,
        network: nn.Module,
        device: torch.device,
        *,
        further: Sequence[tuple[Bundle, nn.Module]] = (),
        names: Sequence[str] = (),
    ) -> None:
        models = [(bundle, network), *further]
        names = names or [f"model {n}" for n in range(1, len(models) + 1)]
        self.bundle = together([b for b, _ in models], names)
        self.device = device
        for one, its_network in models:
            layout = WAYS[one.model.sees].layout
            its_network.to(memory_format=layout)  # type: ignore[call-overload]
        self._members = [
            Member(one, its.to(device).eval(), name)
            for (one, its), name in zip(models, names, strict=True)
        ]

    @classmethod
    def load(
        cls, model: Path | str | Sequence[Path | str] = DEFAULT, device: str = "auto"
    ) -> Translator:
        """Load a model, or several whose mean is wanted.

        Parameters
        ----------
        model : Path or str, or a sequence of these
            Name of a model that comes with mrtoct, or a bundle's folder, such as RUN/best. A folder
            that has a model's name is written ./head, or given as a Path. Of a sequence (an
            ensemble) the models' MR channels and voxels must be the same.
        device : str
            auto, cpu, cuda or cuda:N; auto takes a GPU where there is one.

        Returns
        -------
        Translator

        Raises
        ------
        BundleError
            If there is no such model, its files are incomplete or damaged, or several do not fit
            together.
        ValueRangeError
            If no model is named, or the device is not there.
        """
        models = [model] if isinstance(model, Path | str) else [*model]
        if not models:
            raise ValueRangeError("no model is given; give one or more")
        used = device_named(device)
        (bundle, network), *further = [read_bundle(find_bundle(one)) for one in models]
        return cls(bundle, network, used, further=further, names=[*map(str, models)])

    def translate(
        self,
        mr: MrLike,
        *,
        aligned: bool = False,
        force: bool = False,
        bias_correct: bool | None = None,
        onto: Grid | None = None,
        on_doubt: Callable[[str], None] = warnings.warn,
    ) -> Volume:
        """Return the synthetic CT of a head MR.

        Parameters
        ----------
        mr : Volume, path, image of nibabel or SimpleITK; or a dict of these by channel
            Of any orientation, spacing and slice thickness.
        aligned : bool
            Whether several channels are aligned already; else they are registered to the first.
        force : bool
            Whether a volume in another unit, such as a CT in HU, is translated all the same.
        bias_correct : bool, optional
            Whether the MR's bias field is corrected (N4). By default as the model needs it: of
            one that learnt from corrected MR always, of one for any contrast, such as the shipped
            one, where the brightness drifts by more than a factor of 3.5 across the head.
        onto : Grid, optional
            Another grid in the MR's world to return it on; by default the first channel's own.
        on_doubt : callable
            Told in a sentence where the channels' registration may have failed.

        Returns
        -------
        Volume
            int16 HU, -1024 outside the head, where not every channel was measured, and where a
            part was removed from the MR, such as the face; measured says where that is.

        Raises
        ------
        CohortError
            If a channel that the model needs is missing.
        ValueRangeError
            If the MR is constant, not finite, in another unit, or shows no head.
        FileError
            If a file cannot be read.
        """
        shown = self._shown(mr, aligned, bias_correct, on_doubt, force=force)
        return shown.placed(self.predict(shown.mr, shown.inside), onto)

    def translate_with_deviation(
        self,
        mr: MrLike,
        *,
        aligned: bool = False,
        force: bool = False,
        bias_correct: bool | None = None,
        onto: Grid | None = None,
        on_doubt: Callable[[str], None] = warnings.warn,
    ) -> tuple[Volume, Volume]:
        """Return what translate does and, on the same grid, its standard deviation in HU (int16).

        The deviation is at least 1 in the head and 0 outside. Raises BundleError if the bundle was
        trained without subjects that say how large its errors are.
        """
        self.require_deviation()
        shown = self._shown(mr, aligned, bias_correct, on_doubt, force=force)
        hu, deviation = mean_hu_with_deviation(
            self._members, shown.mr, shown.inside, shown.head.spacing
        )
        return shown.placed(hu, onto), shown.placed_deviation(deviation, onto)

    def require_deviation(self) -> None:
        """Raise BundleError if a model cannot estimate standard deviations; of several, name it."""
        for member in self._members:
            try:
                member.deviation_model()
            except BundleError as error:
                raise (error.about(member.name) if len(self._members) > 1 else error) from None

    def translate_stages(
        self, mr: MrLike, *, aligned: bool = False, bias_correct: bool | None = None
    ) -> list[Volume]:
        """Return what translate does, once for each network of an auto-context cascade.

        The last is the translation; those before are what shorter cascades of the same networks
        make. A bundle of one network gives one, and so do several models, which have no stages in
        common.
        """
        shown = self._shown(mr, aligned, bias_correct, warnings.warn)
        if len(self._members) > 1:
            return [shown.placed(self.predict(shown.mr, shown.inside))]
        (one,) = self._members
        stages = predict_stages(
            one.network, one.bundle, one.scaled(shown.mr, shown.inside), shown.inside
        )
        return [shown.placed(self.bundle.window.to_hu(ct)) for ct in stages]

    def _shown(
        self,
        mr: MrLike,
        aligned: bool,
        bias_correct: bool | None,
        on_doubt: Callable[[str], None],
        *,
        force: bool = False,
    ) -> Shown:
        channels = checked_channels(
            by_channel(mr, self.bundle.channels, force), self.bundle.channels
        )
        channels, _ = corrected(channels, self.bundle, bias_correct)
        return shown_of(channels, self.bundle.channels[0], self.bundle.spacing, aligned, on_doubt)

    def tiles(self, mr: Volume) -> tuple[tuple[int, int, int], tuple[int, int, int]] | None:
        """Return size and first voxel of the patches that the CT of this MR is put together of.

        None where it is made in one piece, or where the network works on another grid, on whose
        voxels the patches' borders lie.
        """
        geometry = self.bundle.geometry
        if len(self._members) > 1 or not isinstance(geometry, Patches) or geometry.whole:
            return None
        if not mr.grid.upright(self.bundle.spacing).matches(mr.grid):
            return None
        _, box = head_and_box(mr)
        size = PatchGrid().size
        return (size, size, size), (box[0].start, box[1].start, box[2].start)

    def doubts(self, mr: MrLike, *, bias_correct: bool | None = None) -> list[Finding]:
        """Return what is unlike the MR that the bundle was trained on; best is nothing.

        mr and bias_correct are as for translate: what is looked at is what would be translated. A
        CT is no error here, but a finding. Raises CohortError, ValueRangeError and FileError as
        translate does.
        """
        return self.examined(mr, bias_correct=bias_correct)[1]

    def examined(
        self, mr: MrLike, *, bias_correct: bool | None = None
    ) -> tuple[dict[str, Volume], list[Finding]]:
        """Return the MR by channel as translate works on it, and its doubts.

        Who wants both saves the time of correcting the MR twice: translate what is returned with
        bias_correct=False.
        """
        named = by_channel(mr, self.bundle.channels, force=True)
        channels = checked_channels(named, self.bundle.channels)
        stored = {name: named[name] for name in channels}
        found = self._doubts(stored)
        if verdict_of(found) == "unusable":
            return stored, found
        changed, notes = corrected(channels, self.bundle, bias_correct)
        if not notes:
            return stored, found
        kept = [finding for finding in found if finding.kind in AS_STORED]
        return changed, [*notes, *kept, *self._doubts(changed)]

    def _doubts(self, mr: Mapping[str, Volume]) -> list[Finding]:
        """Return what is unlike the MR that any of the models was trained on, each thing once."""
        found: list[Finding] = []
        for member in self._members:
            said = {(finding.kind, finding.scan) for finding in found}
            its = doubts(mr, member.bundle.seen)
            found += [finding for finding in its if (finding.kind, finding.scan) not in said]
        if any(learnt_without_pairs(member.bundle.provenance) for member in self._members):
            found.append(WITHOUT_PAIRS)
        return found

    def predict(self, mr: Array, head: Array) -> Array:
        """Map MR (C, I, J, K) and head mask (I, J, K), upright at the bundle's spacing, to HU."""
        return mean_hu(self._members, mr, head)
