"""Lay an MR on its CT, and say how far that can be trusted."""
