"""mrtoct fetch: public data sets and models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Overwrite, listed
from mrtoct.cli.terminal import command, in_words, say, watching
from mrtoct.datasets.rire.catalog import ACKNOWLEDGEMENT, BASE, LICENSE, choose
from mrtoct.datasets.rire.fetch import NOTICE, FetchSettings, fetch
from mrtoct.errors import FileError, MrtoctError


def rire(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the data set.")],
    modality: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="Scans to fetch: ct, mr_T1, mr_T2, mr_PD, mr_T1_rectified, mr_T2_rectified, "
            "mr_PD_rectified, mr_MP-RAGE, pet, transformations.",
        ),
    ] = ["ct,mr_T1"],  # noqa: B006
    subject: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="Subjects to fetch: patient_001, training_001, ...",
            show_default="the 17 with CT and T1",
        ),
    ] = [],  # noqa: B006
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Accept the licence without a prompt.")
    ] = False,
    base: Annotated[
        str | None,
        typer.Option(help="Address of the data set's folder.", show_default="an IPFS gateway"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Number of parallel downloads.")] = 4,
    keep_archives: Annotated[
        bool, typer.Option("--keep-archives", help="Keep the .tar.gz files, too.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Fetch the RIRE head scans: CT and MR of 17 patients, about 250 MB.

    Each becomes FOLDER/SUBJECT/MODALITY/, with the data set's own header.ascii and image. When run
    again, only what is missing is fetched, and interrupted downloads are resumed. Each archive's
    SHA-256 is kept in FOLDER/rire.json, and a file that differs later is refused. A proxy can be
    set in the environment (HTTPS_PROXY).
    """
    archives, missing = choose(list(listed(modality)), list(listed(subject)))
    if not accept_license and not (folder / NOTICE).exists():
        _ask()
    if missing:
        say(f"RIRE has no {', no '.join(missing)}")
    settings = FetchSettings(base or BASE, workers, keep_archives, overwrite)
    with watching("fetch") as watcher:
        result = fetch(folder, archives, settings, watcher=watcher)
    say(
        f"{len(result.fetched)} of {len(archives)} scans fetched, {len(result.present)} existed "
        f"already, in {folder}"
    )
    if result.failed:
        for name, reason in result.failed.items():
            say(f"{name}: {in_words(reason, rire)}")
        raise FileError(
            f"{len(result.failed)} of {len(archives)} scans failed; run the command again to "
            "continue"
        )
    say(
        f"\nPlease acknowledge them where you use them:\n{ACKNOWLEDGEMENT}\n(also in "
        f"{folder / NOTICE})"
    )
    prepare = command("prepare", folder, "STORE", "--recipe", "paper-unet-mae")
    say(f"next: {command('check', folder)}, {prepare}")


def model(
    what: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="An address (https://..., file://...) or path of an archive (.tar.gz) or of a "
            "folder with bundle.json; https://huggingface.co/OWNER/REPOSITORY; with --from, a "
            "name.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            envvar="MRTOCT_MODEL_SOURCE",
            help="A folder or address whose models.json lists models by name, with checksums.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Its name here.", show_default="the end of the address"),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(
            metavar="SUM",
            help="Required SHA-256 of the archive, or of SHA256SUMS in the folder.",
            show_default="from models.json",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Fetch a model, so that --model NAME finds it.

    Its checksums and weights are verified before it is installed; otherwise nothing is kept.
    Without --sha256 the checksum is printed, for comparison with the published one. Models are kept
    in your home folder or in $MRTOCT_MODELS: mrtoct models lists them. A model is weights and
    settings; nothing in it is executed.
    """
    # Reading a bundle takes torch, for which other data need not wait.
    from mrtoct.translation.pretrained.catalogue import choose_offer
    from mrtoct.translation.pretrained.fetch import fetch_model
    from mrtoct.translation.pretrained.place import NAME, origin_of

    address, wanted = what, sha256
    if source is not None and NAME.fullmatch(what):
        offer = choose_offer(what, source)
        address, wanted, name = offer.address, sha256 or offer.sha256, name or what
    with watching("fetch") as watcher:
        target = fetch_model(
            address, name=name, sha256=wanted, overwrite=overwrite, watcher=watcher
        )
    origin = origin_of(target)
    assert origin is not None  # it was just written
    compared = "as expected" if wanted else "not verified: no --sha256 was given"
    say(f"{target}: SHA-256 {origin.sha256} ({compared})")
    translate = command("translate", "MR", "SCT", "--model", target.name)
    say(f"next: {command('info', target.name)}, {translate}")


def _ask() -> None:

    if not sys.stdin.isatty():
        raise MrtoctError(
            "RIRE is under the Creative Commons Attribution 3.0 US licence "
            "(https://creativecommons.org/licenses/by/3.0/us/); accept it with --accept-license"
        )
    say(LICENSE)
    if not typer.confirm("Do you accept this licence?", err=True):
        raise MrtoctError("the licence was not accepted; nothing was downloaded")
