"""What follows from a synthetic CT: maps of physical properties, path lengths, plausibility."""
