"""Learn against a discriminator: pix2pix (section 4.2) and the context-aware GAN."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mrtoct.networks.context_gan import ContextDiscriminator
from mrtoct.networks.pix2pix import PatchDiscriminator
from mrtoct.sampling.slices import Batch
from mrtoct.training import losses, ranks
from mrtoct.training.average import MovingAverage
from mrtoct.training.checkpoint import State
from mrtoct.training.distance import distance_loss, middle, within
from mrtoct.training.recipe import AdversarialSection, Recipe
from mrtoct.training.setting import adam_of
from mrtoct.training.whole_batch import over_whole_batches

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
        adam, its_adam = (
            adam_of(over_whole_batches(n), recipe.optimizer) for n in (generator, discriminator)
        )
        self._players = generator, discriminator
        self._recipe, self._against, self._fabric = recipe, against, fabric
        self._sees_mr = isinstance(discriminator, PatchDiscriminator)
        self._generator, self._optimizer = fabric.setup(generator, adam)
        self._discriminator, self._its_optimizer = fabric.setup(discriminator, its_adam)
        self._average = MovingAverage(generator, recipe.training.average)
        self.state = State(
            self._average.network,
            others={"discriminator": discriminator}
            | ({} if self._average.network is generator else {"generator": generator}),
            optimizers={"generator": adam, "discriminator": its_adam},
        )

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Improve the discriminator, then the generator; return the losses and scores of both.

        Scores are means over the map: near 1 for what is taken for real, near 0 for fake. Of
        several processes each returns its share, which add up to that of the whole batch.
        """
        self._generator.train()
        self._discriminator.train()
        made = within(self._generator(batch.mr), batch.ct)

        real, fake = self._judge(batch, batch.ct), self._judge(batch, made.detach())
        loss_of_discriminator = self._discriminator_loss(real, fake)
        self._its_optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss_of_discriminator)
        ranks.sum_gradients(self._players[1])
        self._its_optimizer.step()

        # Its weights need no gradient while it only tells the generator what it sees.
        self._discriminator.requires_grad_(False)
        deceived = self._generator_loss(self._judge(batch, made))
        distance = distance_loss(self._recipe, made, batch)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(distance + self._against.weight * deceived)
        ranks.sum_gradients(self._players[0])
        self._optimizer.step()
        self._discriminator.requires_grad_(True)

        self._average.update()
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
            scores = self._discriminator(batch.mr, ct)
        else:
            scores = self._discriminator(middle(ct, (JUDGED,) * 3))
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
