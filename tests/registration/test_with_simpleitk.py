import numpy as np
import pytest

from analytic_head import TRUE, error, head_pair, rigid
from mrtoct.errors import RegistrationError
from mrtoct.registration.with_simpleitk import MattesSettings, register_simpleitk


def test_climbs_from_a_nearby_start_to_the_truth() -> None:
    start = TRUE @ rigid((3.0, -2.0, 3.0), (4.0, -3.0, 3.0))
    found = register_simpleitk(*head_pair(), initial=start)
    assert error(start) > 6
    assert error(found) < 2.0
    np.testing.assert_allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-9)


def test_without_iterations_it_stays_where_it_starts() -> None:
    still = MattesSettings(levels=(8.0,), iterations=1, step=1e-6)
    ct, mr = head_pair()
    start = TRUE @ rigid((7.0, 3.0, -4.0), (9.0, 8.0, -5.0))
    np.testing.assert_allclose(register_simpleitk(ct, mr, still, start), start, atol=1e-4)
    centers = register_simpleitk(ct, mr, still)
    np.testing.assert_allclose(centers[:3, 3], mr.grid.center - ct.grid.center, atol=1e-4)


def test_refuses_volumes_that_do_not_overlap() -> None:
    with pytest.raises(RegistrationError, match="overlap"):
        register_simpleitk(*head_pair(), initial=rigid((0, 0, 0), (5000.0, 0.0, 0.0)))
