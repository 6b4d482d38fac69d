"""How wrong a synthetic CT is expected to be, voxel by voxel."""
