"""How far a synthetic CT is from the real one: each metric by its own definition."""
