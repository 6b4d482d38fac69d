from __future__ import annotations

import pytest

from mrtoct.datasets.rire.catalog import Archive, choose, subjects
from mrtoct.errors import CohortError


def test_the_default_is_the_papers_seventeen() -> None:
    archives, missing = choose()
    assert not missing
    names = list(dict.fromkeys(a.subject for a in archives))
    tested = [*range(1, 8), *range(101, 110)]
    assert names == [*(f"patient_{n:03d}" for n in tested), "training_001"]
    assert len(names) == 17
    assert [a.modality for a in archives] == ["ct", "mr_T1"] * 17


def test_what_exists() -> None:
    known = subjects()
    assert len(known) == 19
    assert [n for n, m in known.items() if "ct" not in m] == ["patient_008", "patient_009"]
    assert [n for n, m in known.items() if "mr_MP-RAGE" in m] == [
        f"patient_{n}" for n in range(101, 110)
    ]
    assert "mr_T1_rectified" not in known["patient_006"]
    assert "mr_T2" not in known["patient_103"]


def test_addresses() -> None:
    assert Archive("patient_101", "mr_MP-RAGE").path == "patient_101/mr_MP-RAGE.tar.gz"
    assert Archive("training_001", "ct").path == "ct.tar.gz"
    assert Archive("training_001", "ct").name == "training_001/ct"


def test_what_does_not_exist_is_said() -> None:
    archives, missing = choose(["ct", "mr_T2"])
    assert missing == ["patient_103/mr_T2"]
    assert len(archives) == 33
    with pytest.raises(CohortError, match="RIRE has no patient_008/ct"):
        choose(["ct"], ["patient_008"])


@pytest.mark.parametrize(
    ("modalities", "names", "nearest"),
    [(["mr_t1"], [], "mr_T1"), (["ct"], ["patient_0001"], "patient_001")],
)
def test_a_wrong_name_names_the_nearest(
    modalities: list[str], names: list[str], nearest: str
) -> None:
    with pytest.raises(CohortError, match=f"did you mean {nearest}?"):
        choose(modalities, names)
