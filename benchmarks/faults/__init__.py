"""Break mrtoct on purpose: nothing but its own errors may come of it.

mutate  damaged files into every reader, each case by its number and seed, again whenever wanted
kill    commands killed at random moments, then run again
disk    a full disk, a read-only one, two writers, a file that vanishes, one flipped byte
leak    50 translations in one process: does memory grow?
large   512 x 512 x 400 voxels translated, looked at and judged: how much memory?
"""
