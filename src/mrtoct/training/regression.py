"""Learn by a distance to the real CT alone: the paper's section 4.1."""

from __future__ import annotations

from lightning_fabric import Fabric
from torch import Tensor, nn

from mrtoct.sampling.slices import Batch
from mrtoct.training.average import MovingAverage
from mrtoct.training.checkpoint import State
from mrtoct.training.distance import distance_loss, within
from mrtoct.training.ranks import sum_gradients
from mrtoct.training.recipe import Recipe
from mrtoct.training.setting import adam_of
from mrtoct.training.whole_batch import over_whole_batches


class Regression:
    """One network that comes closer to the real CT with every step."""

    def __init__(self, network: nn.Module, recipe: Recipe, fabric: Fabric) -> None:
        adam = adam_of(over_whole_batches(network), recipe.optimizer)
        self._recipe, self._fabric = recipe, fabric
        self._network = network
        self._model, self._optimizer = fabric.setup(network, adam)
        self._average = MovingAverage(network, recipe.training.average)
        self.state = State(
            self._average.network,
            others={} if self._average.network is network else {"generator": network},
            optimizers={"generator": adam},
        )

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Improve the network on a batch; return its loss."""
        self._model.train()
        made = within(self._model(batch.mr), batch.ct)
        loss = distance_loss(self._recipe, made, batch)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        sum_gradients(self._network)
        self._optimizer.step()
        self._average.update()
        return {"train_loss": loss.detach()}
