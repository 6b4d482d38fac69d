"""Who may speak for a network, and what is said where nobody should."""

from mrtoct.judging.roles import cautions, may_speak


def test_those_not_seen_speak_first_then_the_validation_then_all():
    roles = {"a": "train", "b": "validation", "c": "test", "d": "new", "e": "unknown"}
    assert may_speak(roles) == ["c", "d", "e"]
    assert may_speak({"a": "train", "b": "validation"}) == ["b"]
    assert may_speak({"a": "train"}) == ["a"]


def test_figures_that_flatter_are_named_with_whose_they_are():
    assert cautions({"c": "test", "d": "new"}) == []
    (trained,) = cautions({"a": "train"})
    assert "say nothing about new patients: a." in trained
    names = [f"v{n}" for n in range(7)]
    (validated,) = cautions(dict.fromkeys(names, "validation"))
    assert "optimistic: v0, v1, v2, v3, v4 and 2 more." in validated
