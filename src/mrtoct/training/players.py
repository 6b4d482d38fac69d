"""A generator and a discriminator that learn in turns: what is alike whatever each is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightning_fabric import Fabric
from torch import Tensor, nn

from mrtoct.training import ranks
from mrtoct.training.average import MovingAverage
from mrtoct.training.checkpoint import State
from mrtoct.training.recipe import Recipe
from mrtoct.training.setting import adam_of
from mrtoct.training.whole_batch import over_whole_batches


class Players:
    """Both networks with their optimizers, and the generator's average that is kept.

    Losses are shares of the whole batch's where several processes train together.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, recipe: Recipe, fabric: Fabric
    ) -> None:
        adam, its_adam = (
            adam_of(over_whole_batches(n), recipe.optimizer) for n in (generator, discriminator)
        )
        self._networks = generator, discriminator
        self._fabric = fabric
        self.generator, self._optimizer = fabric.setup(generator, adam)
        self.discriminator, self._its_optimizer = fabric.setup(discriminator, its_adam)
        self._average = MovingAverage(generator, recipe.training.average)
        self.state = State(
            self._average.network,
            others={"discriminator": discriminator}
            | ({} if self._average.network is generator else {"generator": generator}),
            optimizers={"generator": adam, "discriminator": its_adam},
        )

    def train(self) -> None:
        """Let both compute as in training."""
        self.generator.train()
        self.discriminator.train()

    def improve_discriminator(self, loss: Tensor) -> None:
        """Take a step of the discriminator against its loss."""
        self._its_optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        ranks.sum_gradients(self._networks[1])
        self._its_optimizer.step()

    @contextmanager
    def generators_turn(self) -> Iterator[None]:
        """Let the discriminator only tell what it sees: its weights need no gradient meanwhile."""
        self.discriminator.requires_grad_(False)
        yield
        self.discriminator.requires_grad_(True)

    def improve_generator(self, loss: Tensor) -> None:
        """Take a step of the generator against its loss, and of the average after it."""
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        ranks.sum_gradients(self._networks[0])
        self._optimizer.step()
        self._average.update()
