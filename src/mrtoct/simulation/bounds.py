"""Bounds on the numbers that a recipe may give a simulation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
"""Part of the heads or scans in which something happens."""
