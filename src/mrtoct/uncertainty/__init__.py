"""How wrong a synthetic CT may be, voxel by voxel."""
