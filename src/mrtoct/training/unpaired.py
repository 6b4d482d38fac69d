"""Learn from MR and CT of different heads: against a discriminator, with anchors.

A generator makes CTs of MRs. What it is told: a discriminator of patches cannot tell them from
real ones (Goodfellow et al. 2014, least squares after Mao et al. 2017), their HU in the head are
distributed as those of real heads, and the structure of each is that of its MR (Heinrich et al.
2012). It is never told what a pixel's HU are.
"""

from __future__ import annotations

from lightning_fabric import Fabric
from torch import Tensor, nn

from mrtoct.networks.pix2pix import PatchDiscriminator
from mrtoct.sampling.slices import Batch
from mrtoct.training import losses, ranks
from mrtoct.training.players import Players
from mrtoct.training.recipe import Recipe, UnpairedSection
from mrtoct.training.structure import histogram_loss, structure_loss


class Unpaired:
    """A generator that keeps an MR's structure and deceives a discriminator of CTs."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: PatchDiscriminator,
        recipe: Recipe,
        terms: UnpairedSection,
        fabric: Fabric,
    ) -> None:
        self._terms = terms
        self._middle = recipe.data.neighbours
        self._players = Players(generator, discriminator, recipe, fabric)
        self.state = self._players.state

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Improve the discriminator, then the generator; return the losses and scores of both.

        The first half of the batch's samples are of heads of which there is an MR, the second half
        of heads of which there is a CT.
        """
        half = len(batch.mr) // 2
        mr, inside = batch.mr[:half], batch.head[:half]
        covered, real_inside = batch.covered[half:], batch.head[half:]
        ct = batch.ct[half:] * covered
        players, terms = self._players, self._terms
        players.train()
        made = players.generator(mr)

        real, fake = players.discriminator(ct), players.discriminator(made.detach())
        its_loss = losses.least_square_discriminator(real, fake) / ranks.size()
        players.improve_discriminator(its_loss)

        with players.generators_turn():
            deceived = losses.least_square_generator(players.discriminator(made)) / ranks.size()
            shown = mr[:, self._middle : self._middle + 1]
            structure = structure_loss(made, shown, inside) / ranks.size()
            histogram = histogram_loss(made, inside, ct, real_inside * covered) / ranks.size()
            anchors = terms.structure * structure + terms.histogram * histogram
            players.improve_generator(anchors + terms.adversarial * deceived)
        return {
            "train_loss": anchors.detach(),
            "adversarial_loss": deceived.detach(),
            "discriminator_loss": its_loss.detach(),
            "score_real": real.detach().mean() / ranks.size(),
            "score_fake": fake.detach().mean() / ranks.size(),
        }
