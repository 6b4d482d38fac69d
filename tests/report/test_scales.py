import numpy as np
import pytest

from mrtoct.report.scales import deviation_limit


@pytest.mark.parametrize(
    ("highest", "expected"), [(15, 20), (45, 50), (199, 200), (380, 400), (900, 1000), (5000, 1000)]
)
def test_the_least_scale_that_holds_nearly_all_is_taken(highest, expected):
    deviations = np.concatenate([np.zeros(100_000), np.linspace(1, highest, 1000)])
    assert deviation_limit(deviations) == expected


def test_a_few_high_voxels_do_not_stretch_it_and_nothing_has_a_scale_too():
    assert deviation_limit(np.concatenate([np.full(1000, 90.0), np.full(5, 3000.0)])) == 100
    assert deviation_limit(np.zeros(10)) == 100
