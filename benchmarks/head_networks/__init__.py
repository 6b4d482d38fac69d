"""Which network translates a head best: slices, slices of three planes, or parts in 3-D?

    python -m benchmarks.head_networks LABELS DATA WORK --minutes 8

Each candidate is trained from nothing on the same simulated scans, for as many steps as fit into
the same time of this machine, and judged on the real CT heads and the Visible Human. The time of a
step is measured first, all candidates in turn, so that other work on the machine favours none.
Runs stay in WORK; one that is finished is not made again.
"""
