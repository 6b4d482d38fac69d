"""Published curves from HU to each quantity, by name; a new one is one entry in its file."""
