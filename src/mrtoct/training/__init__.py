"""Learning: recipes and loops."""
