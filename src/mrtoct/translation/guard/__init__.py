"""Does a scan look like what a translator was trained on? Measure, remember, compare."""
