"""Make a trained bundle the one that the package ships: for maintainers, before a release.

python -m mrtoct.translation.pretrained.ship RUN/best FACTS.json
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from mrtoct.errors import BundleError
from mrtoct.translation.bundle import read_bundle, write_bundle
from mrtoct.translation.pretrained.shipped import FOLDER, NAMES

FACTS = ("name", "version", "trained_on", "licence", "intended_use")
"""What a shipped bundle says of itself, in words."""
MOST_BYTES = 40_000_000
"""Of a wheel that people still download."""


def ship(best: Path, facts: dict[str, str], *, folder: Path = FOLDER) -> Path:
    """Write a bundle in half precision, with facts about it, where it is shipped from.

    Raises BundleError if a fact is missing, the bundle cannot say how wrong it is or know its
    input, or its weights are too large to ship.
    """
    missing = [name for name in FACTS if not facts.get(name)]
    if missing:
        raise BundleError(f"a shipped model also states {', '.join(missing)}, too")
    if facts["name"] not in NAMES:
        raise BundleError(
            f"{facts['name']!r} is not the name of a shipped model ({', '.join(NAMES)})"
        )
    bundle, network = read_bundle(best)
    if bundle.deviation is None or bundle.seen is None:
        raise BundleError(f"{best} lacks its deviations or what its training MR looked like")
    bytes_needed = 2 * sum(weight.numel() for weight in network.state_dict().values())
    if bytes_needed > MOST_BYTES:
        raise BundleError(f"{best} needs {bytes_needed / 1e6:.0f} MB, {MOST_BYTES / 1e6:.0f} fit")
    shipped = replace(bundle, provenance={**bundle.provenance, **facts})
    target = folder / facts["name"]
    write_bundle(target, shipped, network.state_dict(), half=True, overwrite=True)
    return target


if __name__ == "__main__":
    print(ship(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))))
