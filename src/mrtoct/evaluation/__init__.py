"""Judging a synthetic CT against the CT: metrics in HU inside a stated mask, and baselines."""
