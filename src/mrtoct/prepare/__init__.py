"""From a raw MR/CT pair to a training-ready subject."""
