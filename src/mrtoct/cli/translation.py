"""What a translation is made with, and says beside its volumes: a refusal, a page with words."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from mrtoct.check.finding import Finding, verdict_of
from mrtoct.cli.options import listed
from mrtoct.cli.terminal import about
from mrtoct.errors import BundleError, ValueRangeError
from mrtoct.translation.bundle import Bundle, trained_on
from mrtoct.translation.pretrained.shipped import find_bundle
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume

OWN_MODEL = (
    "Research on heads like its training data, scanned with the same sequence, by those who "
    "trained it. Not for diagnosis, not for treatment planning."
)
"""Said of a bundle that does not say what it is for."""


def models_named(model: str) -> list[Path]:
    """Return the folders of the models that --model names: one, or several between commas."""
    if Path(model).exists():  # a comma may be part of a folder's name
        return [find_bundle(model)]
    return [find_bundle(name) for name in listed([model]) or ("",)]


def load_translator(bundles: Sequence[Path], device: str, *, deviation: bool) -> Translator:
    """Load models, and see that they can estimate a deviation where one is wanted."""
    translator = Translator.load(bundles, device)
    if deviation:
        with about(bundles[0]) if len(bundles) == 1 else nullcontext():
            translator.require_deviation()  # or it raises, before the work
    return translator


def refuse(unlike: Sequence[Finding], known: bool, mr: Path, model: str) -> None:
    """Raise an error if a scan is unlike the training's, or if that is not known."""
    if not known:
        raise BundleError(
            f"{model} has no record of its training data (seen.json), so --strict is not possible; "
            "train it again, or leave out --strict"
        )
    serious = [doubt for doubt in unlike if doubt.weight != "note"]
    if serious:
        kinds = ", ".join(dict.fromkeys(doubt.kind for doubt in serious))
        raise ValueRangeError(
            f"{mr} differs from the training data of {model} ({kinds}; see the warnings) and was "
            "not translated; leave out --strict to translate it anyway"
        )


def refuse_unusable(doubts: Sequence[Finding], mr: Path) -> None:
    """Raise ValueRangeError if a scan is no head MR: of it a synthetic CT would be nonsense."""
    if verdict_of(doubts) == "unusable":
        kinds = ", ".join(dict.fromkeys(d.kind for d in doubts if d.weight == "unusable"))
        raise ValueRangeError(
            f"{mr} is not a head MR ({kinds}; see the warnings) and was not translated",
            force="to translate it anyway",
        )


def write_page(
    path: Path,
    title: str,
    bundle: Bundle,
    model: str,
    *,
    mr: Volume,
    sct: Volume,
    deviation: Volume | None,
    findings: Sequence[Finding],
    overwrite: bool,
) -> None:
    """Write the page of one translation by a model, which is named as the user named it."""
    # Drawing takes a second to import, for which those who want no page need not wait.
    from mrtoct.report.translation import Translation, write_translation_page

    shown = Translation(
        title,
        mr,
        sct,
        deviation,
        findings,
        model_facts(bundle, model),
        str(bundle.provenance.get("intended_use", OWN_MODEL)),
    )
    write_translation_page(path, shown, overwrite=overwrite)


def model_facts(bundle: Bundle, model: str) -> dict[str, str]:
    """Return what a bundle says of itself, in words; what it does not say is left out."""
    told = bundle.provenance
    facts = {"Name": str(told.get("name", model))}
    if "version" in told:
        facts["Version"] = str(told["version"])
    if (learnt := trained_on(told)) is not None:
        facts["Trained on"] = learnt
    if bundle.cts is not None:
        facts["Training CTs"] = str(bundle.cts)
    if "licence" in told:
        facts["Licence"] = str(told["licence"])
    facts["MR channels"] = ", ".join(bundle.channels)
    facts["Voxel"] = " x ".join(f"{s:g}" for s in bundle.spacing) + " mm"
    if "mrtoct" in told:
        facts["Made by mrtoct"] = str(told["mrtoct"])
    return facts
