"""Networks only; nothing here knows about files, volumes or training."""
