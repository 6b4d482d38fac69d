"""How good a head model is on real volumes: real CTs as the truth, real MRs as what it must bear.

    python -m benchmarks.real_heads judge DATA OUT
    python -m benchmarks.real_heads judge DATA OUT --bundle BUNDLE --only ct_heads plausible
    python -m benchmarks.real_heads simulate CT OUT

No registered human MR and CT with HU is at hand. So CT numbers are judged on MR that is simulated
from real CTs, by a simulator of its own that no training uses, and the geometry on real MR.
"""
