"""Learn CT and, beside it, how wrong it is: for networks that say what error they expect."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mrtoct.sampling.slices import Batch
from mrtoct.training.average import MovingAverage
from mrtoct.training.checkpoint import State
from mrtoct.training.deep_supervision import is_supervised, supervised_loss
from mrtoct.training.distance import share_of_weight, voxel_weight
from mrtoct.training.muon import Muon
from mrtoct.training.ranks import sum_gradients
from mrtoct.training.recipe import OptimizerSection, Recipe
from mrtoct.training.setting import adam_of
from mrtoct.training.whole_batch import over_whole_batches

ERROR_WEIGHT = 0.003
"""Of the second loss beside the first: so small that the CT comes first."""
THOUSAND_HU = 4.095
"""Errors are expected in thousands of HU; the CT's unit is its window."""


class RegressionWithError:
    """One network that comes closer to the real CT and learns how far from it it is.

    The absolute error e has a Laplace distribution of the expected scale b: -log p = e / b + log b
    (Kendall & Gal 2017). What the network makes is not changed by that: e counts as given.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, fabric: Fabric) -> None:
        optimizers = optimizers_of(over_whole_batches(network), recipe.optimizer)
        self._recipe, self._fabric = recipe, fabric
        self._network = network
        self._deep = is_supervised(recipe.model)
        self._model, *self._optimizers = fabric.setup(network, *optimizers.values())
        self._average = MovingAverage(network, recipe.training.average)
        self.state = State(
            self._average.network,
            others={} if self._average.network is network else {"generator": network},
            optimizers=optimizers,
        )

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Improve the network on a batch; return its loss, that of the CT alone."""
        self._model.train()
        made, *coarser = (
            self._model(batch.mr, every=True) if self._deep else [self._model(batch.mr)]
        )
        ct, log_error = made[:, :1], made[:, 1:]
        loss = supervised_loss(self._recipe, [ct, *coarser], batch)
        error = (ct.detach() - batch.ct).abs() * THOUSAND_HU
        weight = voxel_weight(self._recipe, batch)
        surprise = error * torch.exp(-log_error) + log_error
        told = (surprise * weight).sum() / weight.sum().clamp(min=1)
        share = share_of_weight(weight)
        if share is not None:
            told = told * share
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss + ERROR_WEIGHT * told)
        sum_gradients(self._network)
        nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.optimizer.clip)
        for optimizer in self._optimizers:
            optimizer.step()
        self._average.update()
        return {"train_loss": loss.detach()}


def optimizers_of(
    network: nn.Module, settings: OptimizerSection
) -> dict[str, torch.optim.Optimizer]:
    """Return who improves which weights, by name: Muon the inner convolutions, Adam all others.

    The last layer, norms and biases are no maps between features, for which Muon is made.
    """
    if not settings.muon:
        return {"generator": adam_of(network, settings)}
    inner = {
        name for name, p in network.named_parameters() if p.ndim > 2 and not name.startswith("last")
    }
    muon = Muon([p for name, p in network.named_parameters() if name in inner], lr=1.0)
    muon.param_groups[0]["scale"] = settings.muon
    others = [p for name, p in network.named_parameters() if name not in inner]
    adam = torch.optim.Adam(
        others, lr=settings.learning_rate, betas=(settings.beta1, settings.beta2)
    )
    return {"generator": adam, "inner": muon}
