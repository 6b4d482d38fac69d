"""The challenges' metrics against slow, separate implementations of the same definitions."""

import math

import numpy as np
import pytest
from scipy.signal import fftconvolve
from skimage.metrics import structural_similarity

from mrtoct.judging.metrics import synthrad


def head(shape, seed):
    """A CT-like pair: structure, noise, values beyond the clipping range, a ragged mask."""
    generator = np.random.default_rng(seed)
    grids = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    radius = np.sqrt(sum(g**2 for g in grids))
    ct = np.where(radius < 0.8, 40.0, -1000.0) + np.where(abs(radius - 0.7) < 0.1, 1200, 0)
    ct = ct + generator.normal(0, 60, shape)
    sct = ct + generator.normal(0, 80, shape)
    ct[generator.random(shape) < 0.02] = 3500
    sct[generator.random(shape) < 0.02] = -1500
    mask = (radius < 0.95) & (generator.random(shape) < 0.97)
    return sct.astype(np.float32), ct.astype(np.float32), mask


def similarity_at(x, y, data_range):
    """SSIM of one window, by the definition, with sample (co)variances."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    covariance = np.cov(x.ravel(), y.ravel(), ddof=1)
    numerator = (2 * x.mean() * y.mean() + c1) * (2 * covariance[0, 1] + c2)
    return numerator / (
        (x.mean() ** 2 + y.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2)
    )


def test_ssim_agrees_with_a_loop_over_windows():
    sct, ct, mask = head((11, 13, 9), 1)
    x, y = (np.where(mask, np.clip(v.astype(float), -1024, 3000), -1024) + 1024 for v in (sct, ct))
    values = []
    for i, j, k in np.argwhere(mask):
        if all(3 <= p < n - 3 for p, n in zip((i, j, k), mask.shape, strict=True)):
            window = (slice(i - 3, i + 4), slice(j - 3, j + 4), slice(k - 3, k + 4))
            values.append(similarity_at(x[window], y[window], 4024))
    assert len(values) > 50
    assert synthrad.masked_ssim(sct, ct, mask) == pytest.approx(np.mean(values), abs=1e-9)


@pytest.mark.parametrize("shape", [(21, 30, 17), (40, 19, 25)])
def test_ssim_agrees_with_scikit_image(shape):
    sct, ct, mask = head(shape, 2)
    mask[: shape[0] // 3] = False  # off-centre, so that cropping to the mask matters
    x, y = (np.where(mask, np.clip(v.astype(float), -1024, 3000), -1024) + 1024 for v in (sct, ct))
    _, full = structural_similarity(x, y, data_range=4024, full=True)
    inner = (slice(3, -3),) * 3
    expected = full[inner][mask[inner]].mean()
    assert synthrad.masked_ssim(sct, ct, mask) == pytest.approx(expected, abs=1e-10)


def test_mae_and_psnr_agree_with_a_loop():
    sct, ct, mask = head((9, 8, 7), 3)
    absolute, squares = [], {3000.0: [], 3071.0: []}
    for a, b, m in zip(sct.ravel().tolist(), ct.ravel().tolist(), mask.ravel(), strict=True):
        if m:
            absolute.append(abs(a - b))
            for high, values in squares.items():
                values.append((min(max(a, -1024), high) - min(max(b, -1024), high)) ** 2)
    result = synthrad.synthrad_2023(sct, ct, mask)
    assert result.mae == pytest.approx(sum(absolute) / len(absolute), rel=1e-6)
    for high, values in squares.items():
        expected = 10 * math.log10((high + 1024) ** 2 / (sum(values) / len(values)))
        assert synthrad.masked_psnr(sct, ct, mask, high) == pytest.approx(expected, rel=1e-9)
    assert result.psnr == synthrad.masked_psnr(sct, ct, mask, 3000)
    assert synthrad.synthrad_2025(sct, ct, mask).psnr == synthrad.masked_psnr(sct, ct, mask, 3071)


def test_volumes_thinner_than_a_window_have_no_ssim():
    sct, ct, mask = head((12, 12, 6), 4)
    assert math.isnan(synthrad.masked_ssim(sct, ct, mask))


def test_how_much_of_the_mask_similarity_counts():
    mask = np.zeros((20, 30, 40), dtype=bool)
    mask[1:19, 2:28, 8:32] = True
    sct, ct, _ = head(mask.shape, 6)
    inner = 14 * 24 * 24 / (18 * 26 * 24)  # 3 to 16, 3 to 26, 8 to 31
    assert synthrad.synthrad_2023(sct, ct, mask).ssim_counted == pytest.approx(inner)
    # Of volumes that are padded all is counted, and the score is another one.
    padded = [np.pad(v, 3, constant_values=c) for v, c in ((sct, -1024), (ct, -1024), (mask, 0))]
    whole = synthrad.synthrad_2023(*padded)
    assert whole.ssim_counted == 1
    assert whole.ssim != synthrad.synthrad_2023(sct, ct, mask).ssim
    assert whole.mae == synthrad.synthrad_2023(sct, ct, mask).mae
    # At the coarsest of five scales 3 voxels are 48: of 97 the voxel in the middle is left.
    full = np.ones((97, 97, 97), dtype=bool)
    part = synthrad.synthrad_2025(np.zeros(full.shape), np.zeros(full.shape), full)
    assert part.ms_ssim_counted == pytest.approx(1 / 7**3)


def test_what_lies_outside_the_mask_does_not_matter():
    sct, ct, mask = head((15, 14, 13), 5)
    other = np.where(mask, sct, 2000).astype(np.float32)
    assert synthrad.synthrad_2023(sct, ct, mask) == synthrad.synthrad_2023(other, ct, mask)
    assert synthrad.synthrad_2025(sct, ct, mask) == synthrad.synthrad_2025(other, ct, mask)


def slow_ms_ssim(sct, ct, mask):
    """MS-SSIM with box sums by convolution and the published downsampling."""
    c1, c2 = (0.01 * 4095) ** 2, (0.03 * 4095) ** 2
    pads = []
    for n in mask.shape:
        missing = max(97 - n, 0)
        pads.append((missing // 2, missing - missing // 2))
    x, y = (
        np.pad(
            np.where(mask, np.clip(v.astype(float), -1024, 3071), -1024) + 1024, pads, mode="edge"
        )
        for v in (sct, ct)
    )
    inside = np.pad(mask, pads, mode="edge")
    box = np.ones((7, 7, 7)) / 343
    half = np.ones((2, 2, 2)) / 8
    score = 1.0
    for weight in (0.0448, 0.2856, 0.3001, 0.2363, 0.1333):
        # "valid" windows are centred on voxels 3 from every face: the cropped map.
        mx, my, mxx, myy, mxy = (
            fftconvolve(v, box, mode="valid") for v in (x, y, x * x, y * y, x * y)
        )
        factor = 343 / 342
        sx = np.sqrt(np.clip(factor * (mxx - mx**2), 0, None))
        sy = np.sqrt(np.clip(factor * (myy - my**2), 0, None))
        sxy = factor * (mxy - mx * my)
        luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        contrast = (2 * sx * sy + c2) / (sx**2 + sy**2 + c2)
        structure = (sxy + c2 / 2) / (sx * sy + c2 / 2)
        parts = [np.clip(p, 0, None) ** weight for p in (luminance, contrast, structure)]
        values = (parts[0] * parts[1] * parts[2])[inside[3:-3, 3:-3, 3:-3]]
        score *= np.clip(values.mean(), 0, 1)
        x, y = (fftconvolve(v, half, mode="same")[::2, ::2, ::2] for v in (x, y))
        inside = inside[::2, ::2, ::2]
    return score


@pytest.mark.parametrize("shape", [(60, 75, 41), (99, 50, 98)])
def test_ms_ssim_agrees_with_a_separate_implementation(shape):
    sct, ct, mask = head(shape, 6)
    expected = slow_ms_ssim(sct, ct, mask)
    assert 0.2 < expected < 0.99
    assert synthrad.masked_ms_ssim(sct, ct, mask) == pytest.approx(expected, abs=1e-6)


def windows_at(volume, counted):
    """The 7^3 windows of the counted voxels, in portions, each (n, 343)."""
    if not counted.any():
        return
    around = np.lib.stride_tricks.sliding_window_view(volume, (7, 7, 7))
    centres = np.argwhere(counted) - 3
    for start in range(0, len(centres), 4000):
        i, j, k = centres[start : start + 4000].T
        yield around[i, j, k].reshape(len(i), 343)


def statistics_of(x, y):
    """Means, variances and covariance of windows (n, 343), in two passes, divided by 342."""
    mx, my = x.mean(axis=1), y.mean(axis=1)
    dx, dy = x - mx[:, None], y - my[:, None]
    return mx, my, (dx**2).sum(axis=1) / 342, (dy**2).sum(axis=1) / 342, (dx * dy).sum(axis=1) / 342


def counted_voxels(mask):
    """The mask's voxels that are at least 3 from every face."""
    counted = np.zeros(mask.shape, dtype=bool)
    for index in np.argwhere(mask):
        counted[*index] = all(3 <= p < n - 3 for p, n in zip(index, mask.shape, strict=True))
    return counted


def prepared(volume, mask, high):
    return np.where(mask, np.clip(volume.astype(float), -1024, high), -1024) + 1024


def reference_2023(sct, ct, mask):
    """SSIM window by window, from the printed definition."""
    x, y = prepared(sct, mask, 3000), prepared(ct, mask, 3000)
    c1, c2 = (0.01 * 4024) ** 2, (0.03 * 4024) ** 2
    counted = counted_voxels(mask)
    values = []
    for a, b in zip(windows_at(x, counted), windows_at(y, counted), strict=True):
        mx, my, vx, vy, cov = statistics_of(a, b)
        values += (
            (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
        ).tolist()
    return sum(values) / len(values) if values else math.nan


def by_edge(index, n, missing):
    """Which voxel of an axis of n lies at an index of the axis padded by so many in all."""
    return min(max(index - missing // 2, 0), n - 1)


def reference_2025(sct, ct, mask):
    """MS-SSIM window by window, with padding and downsampling written out by index."""
    x, y = prepared(sct, mask, 3071), prepared(ct, mask, 3071)
    take = []
    for n in mask.shape:
        missing = max(97 - n, 0)
        take.append([by_edge(index, n, missing) for index in range(n + missing)])
    x, y, inside = (v[np.ix_(*take)] for v in (x, y, mask))
    c1, c2 = (0.01 * 4095) ** 2, (0.03 * 4095) ** 2
    score = 1.0
    for weight in (0.0448, 0.2856, 0.3001, 0.2363, 0.1333):
        counted = counted_voxels(inside)
        if not counted.any():
            return math.nan
        total, number = 0.0, 0
        for a, b in zip(windows_at(x, counted), windows_at(y, counted), strict=True):
            mx, my, vx, vy, cov = statistics_of(a, b)
            sx, sy = np.sqrt(vx), np.sqrt(vy)
            luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
            contrast = (2 * sx * sy + c2) / (vx + vy + c2)
            structure = (cov + c2 / 2) / (sx * sy + c2 / 2)
            terms = [np.maximum(t, 0) ** weight for t in (luminance, contrast, structure)]
            total += float((terms[0] * terms[1] * terms[2]).sum())
            number += len(a)
        score *= min(max(total / number, 0), 1)
        x, y = (_every_second_of_the_box_filtered(v) for v in (x, y))
        inside = inside[::2, ::2, ::2]
    return score


def _every_second_of_the_box_filtered(volume):
    """Full convolution with a 2^3 box of 1/8, its first part of the volume's size, each second."""
    full = np.zeros([n + 1 for n in volume.shape])
    for i in (0, 1):
        for j in (0, 1):
            for k in (0, 1):
                a, b, c = volume.shape
                full[i : i + a, j : j + b, k : k + c] += volume / 8
    return full[tuple(slice(0, n, 2) for n in volume.shape)]


def one_voxel(shape, *at):
    mask = np.zeros(shape, dtype=bool)
    mask[at] = True
    return mask


def box(shape, *limits):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(*s) for s in limits)] = True
    return mask


MASKS = {
    "one window": one_voxel((7, 7, 7), 3, 3, 3),
    "one voxel that halving keeps": one_voxel((15, 17, 21), 7, 8, 10),
    "one voxel that halving loses": one_voxel((15, 17, 21), 8, 8, 10),
    "one voxel at a face, where no window fits": one_voxel((15, 17, 21), 0, 8, 10),
    "a slab through the volume": box((11, 13, 9), (4, 7), (0, 13), (3, 4)),
    "at an edge, which padding draws out": box((9, 10, 11), (0, 2), (5, 7), (9, 11)),
    "thinner than a window": box((6, 20, 5), (2, 4), (8, 11), (2, 3)),
    "one slice": box((20, 19, 1), (8, 11), (8, 10), (0, 1)),
    "longer than 97 along one axis": box((101, 9, 8), (95, 101), (3, 5), (3, 5)),
}


@pytest.mark.parametrize("kind", MASKS)
def test_similarities_agree_window_by_window_in_odd_masks(kind):
    mask = MASKS[kind]
    sct, ct, _ = head(mask.shape, 9)
    for found, expected in (
        (synthrad.synthrad_2023(sct, ct, mask).ssim, reference_2023(sct, ct, mask)),
        (synthrad.synthrad_2025(sct, ct, mask).ms_ssim, reference_2025(sct, ct, mask)),
    ):
        assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert math.isnan(synthrad.masked_ssim(sct, ct, mask)) == (not counted_voxels(mask).any())


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 40), (-1024, 3500), (-2000, -1024)])
def test_constant_images(first, second):
    """Without any structure the luminance alone differs, over the whole mask and at its rim."""
    mask = box((13, 11, 12), (4, 9), (4, 8), (3, 9))
    sct, ct = (np.full(mask.shape, v, dtype=np.int16) for v in (first, second))
    result, later = (f(sct, ct, mask) for f in (synthrad.synthrad_2023, synthrad.synthrad_2025))
    assert result.mae == later.mae == abs(first - second)  # beyond the range, too
    for psnr, high in ((result.psnr, 3000), (later.psnr, 3071)):
        step = abs(np.clip(first, -1024, high) - np.clip(second, -1024, high))
        expected = 20 * math.log10((high + 1024) / step) if step else math.inf
        assert psnr == pytest.approx(expected)
    assert result.ssim == pytest.approx(reference_2023(sct, ct, mask), abs=1e-9)
    assert later.ms_ssim == pytest.approx(reference_2025(sct, ct, mask), abs=1e-9)
    same = first == second or max(first, second) <= -1024  # air, once clipped
    assert (result.ssim == pytest.approx(1)) == (later.ms_ssim == pytest.approx(1)) == same


def test_ms_ssim_orders_small_and_large_errors():
    sct, ct, mask = head((40, 40, 40), 7)
    near = (ct + 0.2 * (sct - ct)).astype(np.float32)
    assert synthrad.masked_ms_ssim(ct, ct, mask) == pytest.approx(1)
    assert synthrad.masked_ms_ssim(near, ct, mask) > synthrad.masked_ms_ssim(sct, ct, mask)
