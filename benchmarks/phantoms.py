"""A store of phantoms of one contrast, for benchmarks that train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mrtoct.phantom import DEMO, make_subject
from mrtoct.prepare.store import Manifest, stored_subject, write_manifest, write_subject
from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject

ONE_MM = (1.0, 1.0, 1.0)


def make_store(
    store: Path,
    count: int,
    contrast: str,
    seed: int,
    spacing: tuple[float, float, float] = ONE_MM,
) -> list[str]:
    """Prepare phantoms, each with its true alignment, but those there are; return their names."""
    settings = PrepareSettings(channels=(contrast,), spacing=spacing, judge_given=False)
    names = [f"phantom-{n:03d}" for n in range(1, count + 1)]
    for n, name in enumerate(names):
        if stored_subject(store, name) is None:
            head = make_subject([seed, n], replace(DEMO, contrasts=(contrast,)))
            raw = RawSubject(name, {contrast: head.mr[contrast]}, head.ct, head.ct_to_mr)
            write_subject(store, prepare_subject(raw, settings))
    write_manifest(store, Manifest({}, (contrast,), names, {}))
    return names
