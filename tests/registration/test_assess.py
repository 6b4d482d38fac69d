import numpy as np
import pytest

from analytic_head import TRUE, error, head_pair, rigid
from mrtoct.errors import GeometryError
from mrtoct.registration.assess import assess_registration
from mrtoct.registration.register import LEVELS, RegistrationSettings

COARSE = RegistrationSettings(levels=LEVELS[:2])


def test_the_true_transform_is_good() -> None:
    assessed = assess_registration(*head_pair(), TRUE, COARSE)
    assert assessed.verdict == "good", assessed.reason
    assert assessed.distance < 1.5
    np.testing.assert_array_equal(assessed.transform, TRUE)
    assert assessed.contrast == pytest.approx(assessed.found.contrast, abs=0.05)


def test_a_transform_that_is_off_is_doubtful_by_how_far() -> None:
    off = TRUE @ rigid((0.0, 0.0, 4.0), (3.0, -3.0, 2.0))
    assessed = assess_registration(*head_pair(), off, COARSE)
    assert assessed.verdict == "doubtful"
    assert error(assessed.found.transform) < 2.0
    # error() is taken at the corners of the head's box, distance over the head: turns weigh less.
    assert 0.5 * error(off) < assessed.distance < error(off)
    assert f"{assessed.distance:.1f} mm" in assessed.reason
    assert assessed.metric < 0.95 * assessed.found.metric


def test_what_is_no_transform_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"\(3, 4\)"):
        assess_registration(*head_pair(), TRUE[:3])
