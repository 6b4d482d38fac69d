"""Shares and limits against every voxel at once; both heads have the same number of them."""

from dataclasses import replace

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.report.agreement import DIFFERENCES, MEANS, STEP_HU, agreement, agreement_figure
from mrtoct.report.panels import paper_style


@pytest.fixture(scope="module")
def found(subjects):
    return agreement(subjects[:2])


@pytest.fixture(scope="module")
def voxels(subjects):
    pairs = [
        (s.sct.voxels[s.mask.voxels].astype(float), s.ct.voxels[s.mask.voxels].astype(float))
        for s in subjects[:2]
    ]
    return tuple(np.concatenate(each) for each in zip(*pairs, strict=True))


def test_limits_hold_95_percent_of_the_voxels(found, voxels):
    sct, ct = voxels
    error = sct - ct
    assert found.voxels == error.size
    assert found.mean == pytest.approx(error.mean())
    low, high = np.quantile(error, (0.025, 0.975))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1.0)
    within = np.mean((error > found.low - 0.5) & (error < found.high + 0.5))
    assert within == pytest.approx(0.95, abs=0.01)


def test_every_voxel_is_counted_once_by_tissue_and_by_mean(found, voxels):
    sct, ct = voxels
    error = sct - ct
    inside = np.abs(error) < DIFFERENCES[-1]
    for name, where in {
        "soft tissue": (ct >= -250) & (ct <= 250), "bone": ct > 250, "air": ct < -250
    }.items():  # fmt: skip
        assert found.by_class[name].sum() == pytest.approx((where & inside).mean())
        assert (where & inside).any()
    mean = (sct + ct) / 2
    one = found.joint[np.searchsorted(MEANS, 25.0), np.searchsorted(DIFFERENCES, -25.0)]
    both = (mean >= 25) & (mean < 25 + STEP_HU) & (error >= -25) & (error < 0)
    assert one == pytest.approx(both.mean())
    assert both.any()


def test_padding_below_air_counts_as_air(subjects):
    subject = subjects[0]
    padded = replace(subject, sct=subject.sct.with_voxels(subject.sct.voxels * 0 - 3024))
    raised = replace(subject, sct=subject.sct.with_voxels(subject.sct.voxels * 0 - 1024))
    assert agreement([padded]).mean == agreement([raised]).mean


def test_a_subject_counts_once_however_large_its_head(subjects):
    one, other = subjects[:2]
    some = other.mask.voxels.copy()
    some[10:] = False
    smaller = replace(other, mask=other.mask.with_voxels(some))
    means = [agreement([s]).mean for s in (one, smaller)]
    both = agreement([one, smaller])
    assert both.mean == pytest.approx(np.mean(means))
    alone = agreement([one]).joint + agreement([smaller]).joint
    np.testing.assert_allclose(both.joint, alone / 2)


def test_lines_are_at_the_mean_and_the_limits(found):
    with paper_style():
        errors, altman, _ = agreement_figure(found).axes
    assert [line.get_ydata()[0] for line in altman.lines] == [found.mean, found.low, found.high]
    texts = [t.get_text() for t in altman.texts]
    assert texts == [f"{v:+.0f}".replace("-", "−") for v in (found.mean, found.low, found.high)]
    for line, counts in zip(errors.lines, found.by_class.values(), strict=False):
        assert np.nansum(line.get_ydata()) == pytest.approx(100)
        assert np.nanargmax(line.get_ydata()) == counts.argmax()


def test_nobody_is_refused():
    with pytest.raises(ValueRangeError, match="at least one subject"):
        agreement([])
