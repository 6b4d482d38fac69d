"""The way from a network to a synthetic CT: bundle, tiles, translator, deviation, guard, models."""
