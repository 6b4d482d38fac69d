"""All parts, one after the other, into one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from .agreement import judge_positions, judge_two_contrasts
from .ct_heads import judge_ct_heads
from .part import Setting, Table, Translates
from .plausible import judge_plausible
from .pork import judge_pork
from .tables import write_tables
from .visible_human import judge_visible_human

Part = Callable[[Translates, Setting], list[Table]]

PARTS: dict[str, Part] = {
    "ct_heads": judge_ct_heads,
    "visible_human": judge_visible_human,
    "one_head_two_contrasts": judge_two_contrasts,
    "positions": judge_positions,
    "plausible": judge_plausible,
    "pork": judge_pork,
}
QUICK_PARTS = ("ct_heads", "visible_human")


def judge(
    translator: Translates,
    setting: Setting,
    only: Sequence[str] = (),
    about: dict[str, Any] | None = None,
) -> list[Table]:
    """Judge anything with a translate method; write judged.json, judged.md and pictures."""
    setting.out.mkdir(parents=True, exist_ok=True)
    wanted = only or (QUICK_PARTS if setting.quick else tuple(PARTS))
    tables: list[Table] = []
    seconds: dict[str, float] = {}
    for name in wanted:
        start = time.perf_counter()
        tables += PARTS[name](translator, setting)
        seconds[name] = round(time.perf_counter() - start, 1)
        # After each part, so that an interrupted run leaves what it has done.
        write_tables(tables, setting.out, {**(about or {}), "seconds": seconds})
    return tables
