"""A phantom in RIRE's layout."""

from rire_phantom import phantom, written

__all__ = ["phantom", "written"]
