"""Look at a cohort before anyone waits for it: what is there, what is odd, what cannot be used."""
