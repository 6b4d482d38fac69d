"""The networks that map MR to CT, by what a recipe and a bundle call them.

A new one costs its file and a line here; a script of one's own may add the line at run time. How it
is trained and how it translates follows from what it sees (config.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationInfo

from mrtoct.networks.config import NetworkConfig
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.head_unet import HeadUNetConfig
from mrtoct.networks.residual_encoder import ResidualEncoderConfig
from mrtoct.networks.residual_unet import ResidualUNetConfig
from mrtoct.networks.unet import UNetConfig

NETWORKS: dict[str, type[NetworkConfig]] = {
    "unet": UNetConfig,
    "residual_unet": ResidualUNetConfig,
    "context": ContextGeneratorConfig,
    "head_unet": HeadUNetConfig,
    "residual_encoder": ResidualEncoderConfig,
}


def _registered(value: Any, info: ValidationInfo) -> NetworkConfig:
    """Return the configuration that a table of a recipe or a bundle says, by its kind."""
    if isinstance(value, NetworkConfig):
        return value
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in NETWORKS:
        raise ValueError(f"kind must be one of {', '.join(NETWORKS)}, got {kind!r}")
    adapter = TypeAdapter(NETWORKS[kind])
    if info.mode == "json":
        return adapter.validate_json(json.dumps(value), strict=True)
    return adapter.validate_python(value)


AnyNetwork = Annotated[NetworkConfig, PlainValidator(_registered), PlainSerializer(asdict)]
"""A field of a recipe or a bundle that holds the configuration of any registered network."""
