"""One way to be told how far work is, in words and in the terminal."""

from __future__ import annotations

import io
import re

from rich.console import Console

from mrtoct.cli import terminal
from mrtoct.hardware.progress import Update, nobody


def test_an_update_in_words() -> None:
    assert str(Update(3, 17, "s03 prepared")) == "3 of 17, s03 prepared"
    update = Update(2, None, title="judge unet", message="unet: done")
    assert str(update) == "judge unet, 2, unet: done"
    assert nobody(update) is None


def test_the_terminal_shows_a_bar_for_each_title_and_keeps_messages(monkeypatch) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(terminal, "console", console)
    with terminal.watching("study") as watcher:
        watcher(Update(1, 4, "step 1", title="unet"))
        watcher(Update(4, 4, title="unet", message="unet: 4 steps"))
        watcher(Update(2, 3, "s02", title="judge unet"))
    said = re.sub(r"\x1b\[[?\d]*[a-zA-Z]", "", stream.getvalue())
    lines = [" ".join(line.split()) for line in re.split(r"[\r\n]", said) if line.strip()]
    assert "unet: 4 steps" in lines
    finished = next(line for line in lines if line.startswith("unet ") and "4/4" in line)
    assert finished.endswith("step 1")  # a note stays until there is another
    assert lines[-1].startswith("judge unet ") and lines[-1].endswith("s02")
    assert "2/3" in lines[-1]
    assert lines.index(finished) < lines.index(lines[-1])
