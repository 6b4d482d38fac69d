"""BIDS: its names, its data sets as cohorts, and derivatives of them."""
