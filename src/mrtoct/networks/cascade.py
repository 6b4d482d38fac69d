"""Auto-context: networks of patches, one after the other (section 3.3, after Tu & Bai 2010)."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from mrtoct.networks.config import NetworkConfig


class Cascade(nn.Module):
    """Each stage sees the MR and what the one before made of it."""

    def __init__(self, config: NetworkConfig, stages: int) -> None:
        """Take the first stage's configuration: the others have one more input channel."""
        super().__init__()
        self.config = config
        further = replace(config, in_channels=config.in_channels + 1)
        self.stages = nn.ModuleList(
            (further if stage else config).build() for stage in range(stages)
        )
