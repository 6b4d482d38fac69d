"""Synthetic CT in Hounsfield units from head MRI."""

from __future__ import annotations

import lazy_loader

# The names are in __init__.pyi, and looked up when first used: `import mrtoct` must not wait for
# torch.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
