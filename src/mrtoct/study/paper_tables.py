"""The paper's tables with our numbers beside its own, as rows of text."""

from __future__ import annotations

from dataclasses import dataclass

from mrtoct.judging.metrics.paper import HU_RANGE
from mrtoct.study.results import Learnt, Results
from mrtoct.study.tables import PAPER_METRICS, ROLES, Table, our_cells, subjects_of

PAPERS_COHORT = "RIRE patients, as prepared and split by the paper's authors"


@dataclass(frozen=True)
class PaperRow:
    """A row of the paper: steps, then MAE (HU), MSE (HU squared), PSNR (dB) by role."""

    title: str
    method: str
    """Ours of the same kind."""
    steps: int
    train: tuple[str, str, str]
    validation: tuple[str, str, str]


@dataclass(frozen=True)
class PaperTables:
    """Two tables of the paper, of its training and its validation subjects."""

    section: str
    title: str
    train: int
    validation: int
    rows: tuple[PaperRow, ...]


PIX2PIX = PaperRow(
    "pix2pix, least squares",
    "pix2pix",
    37_832,
    ("21.56", "4210", "60.38"),
    ("112.73", "82 173", "47.55"),
)
PAPER = (
    PaperTables(
        "4.1",
        "u-net with MAE, and with MAE and gradient difference loss",
        9,
        10,
        (
            PaperRow(
                "u-net, MAE",
                "unet-mae",
                20_542,
                ("31.58", "6577", "59.5"),
                ("123.6", "70 846", "47.93"),
            ),
            PaperRow(
                "u-net, MAE + GDL",
                "unet-mae-gdl",
                19_388,
                ("37.15", "7945", "58.1"),
                ("129.0", "72 704", "47.90"),
            ),
        ),
    ),
    PaperTables(
        "4.2",
        "u-net and pix2pix on cleaned slices",
        13,
        14,
        (
            PaperRow(
                "u-net, MAE",
                "unet-mae",
                22_080,
                ("90.5", "61 853", "49.4"),
                ("136.9", "101 943", "46.77"),
            ),
            PIX2PIX,
        ),
    ),
    PaperTables(
        "4.3",
        "pix2pix, and fine-tuned with a higher weight on the brain",
        16,
        17,
        (
            PIX2PIX,
            PaperRow(
                "pix2pix, fine-tuned",
                "pix2pix-boost",
                51_911,
                ("23.37", "4140", "60.30"),
                ("112.23", "79 296", "47.68"),
            ),
        ),
    ),
)


def paper_tables(results: Results) -> list[Table]:
    """Return Tables 9, 10, 13, 14, 16 and 17 of the paper with our numbers beside."""
    return [
        _paper_table(results, tables, role) for tables in PAPER for role in ("train", "validation")
    ]


def _paper_table(results: Results, tables: PaperTables, role: Learnt) -> Table:
    rows = []
    for row in tables.rows:
        theirs = row.train if role == "train" else row.validation
        steps = f"{row.steps:,}".replace(",", " ")
        rows.append((row.title, steps, *theirs, *our_cells(results, row.method, role)))
    who = subjects_of(results, role)
    fairness = (
        " The paper's u-net was probably trained on the slices before cleaning; ours, that of "
        "section 4.1, was trained on the same clean slices as pix2pix."
        if tables.section == "4.2"
        else ""
    )
    return Table(
        f"Table {getattr(tables, role)} (section {tables.section}): {tables.title}, "
        f"{ROLES[role]} subjects",
        f"Left: the paper's figures, of {PAPERS_COHORT}. Right: ours, of another cohort or another "
        f"preparation, {who}; a difference between left and right says nothing about the methods. "
        f"Whole cropped volume, including air. The paper's PSNR uses M = 65535; M = {HU_RANGE:.0f} "
        f"is the range of 12-bit CT.{fairness}",
        (
            "Model",
            "steps",
            "MAE, HU",
            "MSE, HU²",
            "PSNR",
            "steps",
            *(t for _, t, _ in PAPER_METRICS),
        ),
        tuple(rows),
        (("", 1), ("Paper (RIRE)", 4), ("Ours", 5)),
    )
