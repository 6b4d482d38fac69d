"""What the study trains, what of it is judged, and which questions that answers."""

from __future__ import annotations

from dataclasses import dataclass

from mrtoct.judging.baselines import MAP, WATER
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe

INTENSITY_MAP = "intensity-map"


@dataclass(frozen=True)
class Candidate:
    """What the study compares: a trained bundle, or a baseline that knows no anatomy."""

    name: str
    title: str
    bundle: str | None = None
    """The bundle's folder in the experiment's run; None for a baseline."""


@dataclass(frozen=True)
class Experiment:
    """One training."""

    name: str
    section: str
    """Of the paper."""
    title: str
    recipe: Recipe
    start: str | None = None
    """The experiment from whose last state it goes on."""

    @property
    def methods(self) -> tuple[Candidate, ...]:
        """What comes of it: a cascade of N networks is also one of each smaller number."""
        stages = self.recipe.auto_context.iterations
        if stages == 1:
            return (Candidate(self.name, self.title, "best"),)
        return tuple(
            Candidate(
                f"{self.name}-{n}",
                f"{self.title}, {n} iteration{'s' if n > 1 else ''}",
                f"stage-{n}/whole/best",
            )
            for n in range(1, stages + 1)
        )


BASELINES = (Candidate(INTENSITY_MAP, MAP), Candidate(WATER, WATER))


def paper_experiments() -> tuple[Experiment, ...]:
    """Return the paper's experiments and the modern one, each from its recipe as it is."""
    return (
        Experiment("unet-mae", "4.1", "u-net, MAE", load_recipe("paper-unet-mae")),
        Experiment("unet-mae-gdl", "4.1", "u-net, MAE + GDL", load_recipe("paper-unet-mae-gdl")),
        Experiment("pix2pix", "4.2", "pix2pix", load_recipe("paper-pix2pix")),
        Experiment(
            "pix2pix-boost",
            "4.3",
            "pix2pix, fine-tuned",
            load_recipe("paper-pix2pix-boost"),
            start="pix2pix",
        ),
        Experiment("context-gan", "3.3", "3-D GAN", load_recipe("paper-context-gan")),
        Experiment("modern", "beyond the paper", "modern", load_recipe("modern")),
    )


@dataclass(frozen=True)
class Question:
    """Is a method better than its rival on the same subjects?"""

    text: str
    method: str
    rival: str


QUESTIONS = (
    Question("Does the gradient difference loss help?", "unet-mae-gdl", "unet-mae"),
    Question("Does the GAN help?", "pix2pix", "unet-mae"),
    Question("Does fine-tuning on the brain help?", "pix2pix-boost", "pix2pix"),
    Question(
        "Does auto-context help, 2 iterations instead of 1?", "context-gan-2", "context-gan-1"
    ),
    Question(
        "Does auto-context help, 3 iterations instead of 2?", "context-gan-3", "context-gan-2"
    ),
    Question(
        "Does auto-context help, 3 iterations instead of 1?", "context-gan-3", "context-gan-1"
    ),
    Question("Is the modern recipe better than the paper's u-net?", "modern", "unet-mae"),
    Question("Is the modern recipe better than pix2pix?", "modern", "pix2pix"),
    Question("Is the modern recipe better than the 3-D GAN?", "modern", "context-gan-3"),
)


def against_the_map(methods: list[Candidate]) -> tuple[Question, ...]:
    """Return the question that every network has to answer first."""
    return tuple(
        Question(f"Does it beat the intensity map: {m.title}?", m.name, INTENSITY_MAP)
        for m in methods
        if m.bundle is not None
    )
