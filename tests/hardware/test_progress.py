"""One way to be told how far work is, in words and in the terminal."""

from __future__ import annotations

import io
import re
from datetime import datetime
from types import SimpleNamespace

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
    monkeypatch.setattr(terminal, "loud", console)
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


def lines_of(monkeypatch, work, **voice) -> list[str]:
    """Return what is said without a terminal; a step of the work takes ten seconds."""
    stream, clock = io.StringIO(), iter(range(0, 1000, 10))
    for name in ("console", "loud"):
        console = Console(file=stream, force_terminal=False, width=200)
        monkeypatch.setattr(terminal, name, console)
    ours = SimpleNamespace(monotonic=lambda: float(next(clock)))  # other threads ask time's own
    monkeypatch.setattr(terminal, "time", ours)
    voice = {"quiet": False, "verbose": False, "log": None, **voice}
    with terminal.speaking(**voice), terminal.watching("train") as watcher:
        work(watcher)
    return stream.getvalue().splitlines()


def six_steps(watcher) -> None:
    for step in range(1, 7):
        watcher(Update(step, 6, f"{step / 10:.1f}", message="odd" if step == 2 else ""))


def test_without_a_terminal_a_line_is_said_at_times_and_at_the_end(monkeypatch) -> None:
    assert lines_of(monkeypatch, six_steps) == [
        "odd",
        "train 3 of 6, 0.3, 0:00:30 so far, 0:00:30 left",
        "train 6 of 6, 0.6, 0:01:00 so far",
    ]


def test_verbose_says_every_step_and_quiet_only_what_went_wrong(monkeypatch) -> None:
    said = lines_of(monkeypatch, six_steps, verbose=True)
    assert [line.split(",")[0] for line in said if line != "odd"] == [
        f"train {step} of 6" for step in range(1, 7)
    ]
    assert lines_of(monkeypatch, six_steps, quiet=True) == ["odd"]


def test_the_log_keeps_what_is_said_with_its_time_even_of_a_quiet_command(
    monkeypatch, tmp_path
) -> None:
    log = tmp_path / "train.log"
    for _ in range(2):  # a second command adds to it
        lines_of(monkeypatch, six_steps, quiet=True, log=log)
    times, said = zip(*(line.split(" ", 1) for line in log.read_text().splitlines()), strict=True)
    assert list(said) == 2 * [
        "odd",
        "train 3 of 6, 0.3, 0:00:30 so far, 0:00:30 left",
        "train 6 of 6, 0.6, 0:01:00 so far",
    ]
    assert all(datetime.fromisoformat(time).tzinfo for time in times)
