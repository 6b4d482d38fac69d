"""How much of a training's time the network waited for its data."""

from __future__ import annotations

from mrtoct.training.step_times import StepTimes


def test_the_share_of_waiting_by_a_clock() -> None:
    times = StepTimes(iter([0.0, 1.0, 2.0, 7.0, 8.0, 9.0, 10.0, 11.0]).__next__)
    for _ in range(2):
        with times.waiting():  # 1 s each
            pass
        with times.learning():  # 5 s, then 1 s
            pass
    assert times.idle == 0.25


def test_no_time_is_no_idleness() -> None:
    assert StepTimes(lambda: 3.0).idle == 0.0
