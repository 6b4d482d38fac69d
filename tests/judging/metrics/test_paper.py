import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from mrtoct.judging.metrics.paper import paper_metrics, psnr


def test_agrees_with_a_loop_and_with_scikit_image():
    generator = np.random.default_rng(3)
    ct = generator.integers(-1024, 3000, (4, 5, 3)).astype(np.int16)
    sct = ct + generator.normal(0, 90, ct.shape).astype(np.float32)
    result = paper_metrics(sct, ct)
    absolute = squared = 0.0
    for a, b in zip(sct.ravel().tolist(), ct.ravel().tolist(), strict=True):
        absolute += abs(a - b) / ct.size
        squared += (a - b) ** 2 / ct.size
    assert result.mae == pytest.approx(absolute)
    assert result.mse == pytest.approx(squared)
    reference = peak_signal_noise_ratio(ct.astype(float), sct.astype(float), data_range=65535)
    assert result.psnr_65535 == pytest.approx(reference)


def test_the_two_ranges_differ_by_their_ratio_alone():
    result = paper_metrics(np.full((2, 2, 2), 50.0), np.zeros((2, 2, 2)))
    assert result.mae == 50
    assert result.psnr == pytest.approx(20 * math.log10(4095 / 50))
    assert result.psnr_65535 - result.psnr == pytest.approx(24.085, abs=1e-3)


def test_int16_volumes_do_not_overflow():
    result = paper_metrics(
        np.full((2, 1, 1), 30000, dtype=np.int16), np.full((2, 1, 1), -30000, dtype=np.int16)
    )
    assert result.mae == 60000


def test_identical_volumes_have_infinite_psnr():
    assert psnr(0.0, 4095) == math.inf


@pytest.mark.parametrize(("mse", "paper"), [(70_846, 47.93), (101_943, 46.77), (4_210, 60.38)])
def test_peak_is_the_one_of_the_papers_tables(mse, paper):
    # The tables average PSNR over subjects, so it is only near the PSNR of the average MSE.
    assert psnr(mse, 65535) == pytest.approx(paper, abs=0.6)
