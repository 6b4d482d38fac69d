"""~ wherever a path may begin, and nowhere else."""

from __future__ import annotations

import pytest

from mrtoct.io.paths import expanded


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("~", "HOME"),
        ("~/mr.nii.gz", "HOME/mr.nii.gz"),
        ("--recipe=~/x.toml", "--recipe=HOME/x.toml"),
        ("T2=~/t2.nii,PD=~/pd.nii", "T2=HOME/t2.nii,PD=HOME/pd.nii"),
        ("a.nii,~/b.nii", "a.nii,HOME/b.nii"),
        ("~nobody-has-this-name/x", "~nobody-has-this-name/x"),
        ("backup~", "backup~"),
        ("data/~/x", "data/~/x"),
        ("a~b", "a~b"),
        ("--cohort=our ~20 heads", "--cohort=our ~20 heads"),
    ],
)
def test_home(monkeypatch: pytest.MonkeyPatch, text: str, wanted: str) -> None:
    monkeypatch.setenv("HOME", "HOME")
    monkeypatch.setenv("USERPROFILE", "HOME")
    assert expanded(text) == wanted
