"""The formats of RIRE: MR and CT, their headers, transforms and points."""
