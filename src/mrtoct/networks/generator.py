"""The networks that map MR to CT, by what a recipe and a bundle call them."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from mrtoct.networks.context_gan import ContextGenerator, ContextGeneratorConfig
from mrtoct.networks.head_unet import HeadUNetConfig
from mrtoct.networks.residual_unet import ResidualUNet, ResidualUNetConfig
from mrtoct.networks.unet import UNet, UNetConfig

SliceConfig = UNetConfig | ResidualUNetConfig
SliceNetwork = UNet | ResidualUNet
"""Networks that map slices, with neighbours or without, to slices of the same size."""

GeneratorConfig = SliceConfig | ContextGeneratorConfig | HeadUNetConfig
CONFIGS: dict[str, type[GeneratorConfig]] = {
    "unet": UNetConfig,
    "residual_unet": ResidualUNetConfig,
    "context": ContextGeneratorConfig,
    "head_unet": HeadUNetConfig,
}


class Cascade(nn.Module):
    """Context generators in the order of auto-context: each sees the MR and what the one before
    made of it (section 3.3, after Tu & Bai 2010).
    """

    def __init__(self, config: ContextGeneratorConfig, stages: int) -> None:
        """Take the first stage's configuration: the others have one more input channel."""
        super().__init__()
        self.config = config
        further = replace(config, in_channels=config.in_channels + 1)
        self.stages = nn.ModuleList(
            ContextGenerator(further if stage else config) for stage in range(stages)
        )


def slice_network(config: SliceConfig) -> SliceNetwork:
    """Build the network of a configuration."""
    return UNet(config) if isinstance(config, UNetConfig) else ResidualUNet(config)
