"""Pairs of MR and CT from anatomies: label maps, CT heads, phantoms; MR of any contrast."""
