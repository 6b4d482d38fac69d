"""Learn against a discriminator: pix2pix (section 4.2) and the context-aware GAN."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mrtoct.networks.context_gan import ContextDiscriminator
from mrtoct.networks.pix2pix import PatchDiscriminator
from mrtoct.sampling.slices import Batch
from mrtoct.training import losses, ranks
from mrtoct.training.distance import distance_loss, middle, within
from mrtoct.training.players import Players
from mrtoct.training.recipe import AdversarialSection, Recipe

JUDGED = 16
"""Side of the patch that a discriminator in 3-D is shown, as in the paper: of a larger patch the
middle, since all of it would cost several times what the generator does."""


class Adversarial:
    """A generator that comes closer to the real CT and deceives a discriminator, in turns."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: PatchDiscriminator | ContextDiscriminator,
        recipe: Recipe,
        against: AdversarialSection,
        fabric: Fabric,
    ) -> None:
        self._recipe, self._against = recipe, against
        self._sees_mr = isinstance(discriminator, PatchDiscriminator)
        self._players = Players(generator, discriminator, recipe, fabric)
        self.state = self._players.state

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Improve the discriminator, then the generator; return the losses and scores of both.

        Scores are means over the map: near 1 for what is taken for real, near 0 for fake. Of
        several processes each returns its share, which add up to that of the whole batch.
        """
        self._players.train()
        made = within(self._players.generator(batch.mr), batch.ct)

        real, fake = self._judge(batch, batch.ct), self._judge(batch, made.detach())
        loss_of_discriminator = self._discriminator_loss(real, fake)
        self._players.improve_discriminator(loss_of_discriminator)

        with self._players.generators_turn():
            deceived = self._generator_loss(self._judge(batch, made))
            distance = distance_loss(self._recipe, made, batch)
            self._players.improve_generator(distance + self._against.weight * deceived)
        return {
            "train_loss": distance.detach(),
            "adversarial_loss": deceived.detach(),
            "discriminator_loss": loss_of_discriminator.detach(),
            "score_real": self._score(real),
            "score_fake": self._score(fake),
        }

    def _judge(self, batch: Batch, ct: Tensor) -> Tensor:
        ct = ct * batch.covered  # what is left out is air in both, and tells nothing
        if self._sees_mr:
            scores = self._players.discriminator(batch.mr, ct)
        else:
            scores = self._players.discriminator(middle(ct, (JUDGED,) * 3))
        assert isinstance(scores, Tensor)
        return scores

    def _discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        if self._against.loss == "least_square":
            return losses.least_square_discriminator(real, fake) / ranks.size()
        return losses.adversarial_discriminator(real, fake) / ranks.size()

    def _generator_loss(self, fake: Tensor) -> Tensor:
        if self._against.loss == "least_square":
            return losses.least_square_generator(fake) / ranks.size()
        return losses.adversarial_generator(fake) / ranks.size()

    def _score(self, scores: Tensor) -> Tensor:
        scores = scores.detach()
        scores = scores if self._against.loss == "least_square" else torch.sigmoid(scores)
        return scores.mean() / ranks.size()
