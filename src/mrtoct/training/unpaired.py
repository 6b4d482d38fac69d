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
from mrtoct.training.average import MovingAverage
from mrtoct.training.checkpoint import State
from mrtoct.training.recipe import Recipe, UnpairedSection
from mrtoct.training.setting import adam_of
from mrtoct.training.structure import histogram_loss, structure_loss
from mrtoct.training.whole_batch import over_whole_batches


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
        adam, its_adam = (
            adam_of(over_whole_batches(n), recipe.optimizer) for n in (generator, discriminator)
        )
        self._players = generator, discriminator
        self._terms = terms
        self._fabric = fabric
        self._middle = recipe.data.neighbours
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

        The first half of the batch's samples are of heads of which there is an MR, the second half
        of heads of which there is a CT.
        """
        half = len(batch.mr) // 2
        mr, inside = batch.mr[:half], batch.head[:half]
        covered, real_inside = batch.covered[half:], batch.head[half:]
        ct = batch.ct[half:] * covered
        self._generator.train()
        self._discriminator.train()
        made = self._generator(mr)

        real, fake = self._discriminator(ct), self._discriminator(made.detach())
        its_loss = losses.least_square_discriminator(real, fake) / ranks.size()
        self._its_optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(its_loss)
        ranks.sum_gradients(self._players[1])
        self._its_optimizer.step()

        # Its weights need no gradient while it only tells the generator what it sees.
        self._discriminator.requires_grad_(False)
        deceived = losses.least_square_generator(self._discriminator(made)) / ranks.size()
        shown = mr[:, self._middle : self._middle + 1]
        structure = structure_loss(made, shown, inside) / ranks.size()
        histogram = histogram_loss(made, inside, ct, real_inside * covered) / ranks.size()
        anchors = self._terms.structure * structure + self._terms.histogram * histogram
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(anchors + self._terms.adversarial * deceived)
        ranks.sum_gradients(self._players[0])
        self._optimizer.step()
        self._discriminator.requires_grad_(True)

        self._average.update()
        return {
            "train_loss": anchors.detach(),
            "adversarial_loss": deceived.detach(),
            "discriminator_loss": its_loss.detach(),
            "score_real": real.detach().mean() / ranks.size(),
            "score_fake": fake.detach().mean() / ranks.size(),
        }
