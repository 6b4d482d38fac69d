"""A dose on a synthetic CT and on the real one: plans by an engine apart, gamma, dose volumes."""
