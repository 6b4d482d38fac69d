"""Where cohorts come from."""
