"""What the module does that does not need Slicer."""
