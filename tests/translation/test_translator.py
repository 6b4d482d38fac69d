"""From any MR to HU on its own grid, with a stub for a network whose answer is known."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from mrtoct.errors import BundleError, CohortError, FileError, ValueRangeError
from mrtoct.io.files import read_volume, write_volume
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.phantom import TINY, make_subject
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.prepare.store import read_subject
from mrtoct.resample import resample
from mrtoct.sampling.slices import SliceSet
from mrtoct.sampling.subjects import load_subject
from mrtoct.translation import predict_slices
from mrtoct.translation.bundle import Bundle, write_bundle
from mrtoct.translation.deviation.model import KNOTS, DeviationModel
from mrtoct.translation.geometry import Slices
from mrtoct.translation.translator import Translator
from mrtoct.volume import Array, Grid, Volume
from volumes import oblique_grid

SMALL = UNetConfig(width=3, depth=3)
WINDOW = HuWindow(-1000, 2000)
SCALING = MrScaling()


class Line(nn.Module):
    """Stands in for a network: a x + b, and remembers what it was shown."""

    config = SMALL

    def __init__(self, a: float = 0.5, b: float = 0.1) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), b
        self.seen: list[Tensor] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(image.clone())
        return self.a * image + self.b

    @property
    def images(self) -> Array:
        """All slices shown, (K, H, W)."""
        return torch.cat(self.seen)[:, 0].numpy()


class FirstOf(Line):
    """Answers as a line of the first of its channels."""

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image[:, :1])


def with_deviation() -> Translator:
    """A translator that says how unsure it is."""
    model = DeviationModel(floors=(30.0,) * len(KNOTS), surroundings=0.5, spread=0.2)
    bundle = Bundle(
        SMALL,
        ("mr",),
        (2.0, 2.0, 2.0),
        Slices((48, 40)),
        window=WINDOW,
        scaling=SCALING,
        deviation=model,
    )
    return Translator(bundle, Line(), torch.device("cpu"))


def translator(
    network: nn.Module,
    spacing: tuple[float, float, float] = (2.0, 2.0, 2.0),
    size: tuple[int, int] = (48, 40),
) -> Translator:
    bundle = Bundle(SMALL, ("mr",), spacing, Slices(size), window=WINDOW, scaling=SCALING)
    return Translator(bundle, network, torch.device("cpu"))  # type: ignore[arg-type]


def signal(points: Array) -> Array:
    """A small head about (5, -3, 8) mm, unlike any mirror image of itself; 0 outside."""
    x, y, z = np.moveaxis(points - (5, -3, 8), -1, 0)
    inside = (x / 30) ** 2 + (y / 36) ** 2 + (z / 27) ** 2 < 1
    return np.where(inside, 500 + 4 * x + 3 * y + 2.5 * z, 0)


def scan(grid: Grid) -> Volume:
    indices = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    return Volume(np.rint(signal(grid.to_world(indices))).astype(np.int16), grid, "a.u.")


def about_the_head(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    degrees: tuple[float, float, float],
    flip: tuple[int, int, int],
) -> Grid:
    """An oblique grid with its middle near the head's."""
    grid = oblique_grid(shape, spacing, degrees, flip)
    affine = grid.affine.copy()
    affine[:3, 3] += np.array((6.3, -4.1, 7.2)) - grid.center
    return Grid(shape, affine)


OBLIQUE = about_the_head((46, 50, 42), (2, 2, 2), (12, -7, 25), (1, -1, 1))


@pytest.fixture(scope="module")
def upright() -> Volume:
    return scan(Grid.from_box((-35, -47, -30), (45, 41, 44), (2, 2, 2)))


@pytest.fixture(scope="module")
def expected(upright: Volume) -> Volume:
    return translator(Line()).translate(upright)


def test_hu_are_the_inverse_window_of_what_the_network_says(upright: Volume) -> None:
    network = Line(0.7, 0.4)
    sct = translator(network).translate(upright)
    assert sct.voxels.dtype == np.int16
    assert sct.unit == "HU"
    assert sct.grid.matches(upright.grid)
    head = head_mask_mr(upright).voxels
    assert 0.05 < head.mean() < 0.5
    assert (sct.voxels[~head] == -1024).all()
    low, high = np.percentile(upright.voxels[head], (1, 99))
    scaled = np.clip((upright.voxels[head] - low) / (high - low), 0, 1.5)
    hu = -1000 + 3000 * np.clip(0.7 * scaled + 0.4, 0, 1)
    assert hu.max() == 2000
    np.testing.assert_allclose(sct.voxels[head], hu, atol=0.51)


def test_slices_are_shown_as_in_training(upright: Volume) -> None:
    """(N = K, 1, H = J, W = I), at least of the training's size, zero outside the head."""
    network = Line()
    translator(network, size=(72, 64)).translate(upright)
    assert network.images.shape[1:] == (64, 72)
    scaled = SCALING.normalise(
        upright.voxels,
        head_mask_mr(upright).voxels,
        *SCALING.measure(upright.voxels, head_mask_mr(upright).voxels),
    )
    np.testing.assert_allclose(content(network.images), content(scaled.T), atol=1e-6)
    large = Line()
    translator(large, size=(8, 8)).translate(upright)
    height, width = (int(n) for n in large.images.shape[1:])
    assert height % 8 == width % 8 == 0
    np.testing.assert_array_equal(content(large.images), content(network.images))


def content(images: Array) -> Array:
    """Cut (K, H, W) to the box of what is not zero."""
    box = [np.flatnonzero(images.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return images[tuple(slice(b[0], b[-1] + 1) for b in box)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_stored_orientation_gives_the_same_sct(
    upright: Volume, expected: Volume, order: tuple[int, int, int]
) -> None:
    """All 48: for each order of the axes, all eight ways to flip them."""
    for flips in product((1, -1), repeat=3):
        voxels = upright.voxels.transpose(order)[tuple(slice(None, None, f) for f in flips)]
        affine = np.eye(4)
        affine[:, :3] = upright.affine[:, list(order)]
        affine[:, 3] = upright.affine[:, 3]
        for axis, flip in enumerate(flips):
            if flip < 0:
                affine[:, 3] += (voxels.shape[axis] - 1) * affine[:, axis]
                affine[:, axis] *= -1
        mr = Volume(np.ascontiguousarray(voxels), Grid(voxels.shape, affine), "a.u.")
        sct = translator(Line()).translate(mr)
        assert sct.grid.matches(mr.grid)
        back = sct.voxels[tuple(slice(None, None, f) for f in flips)]
        back = back.transpose(np.argsort(order)).astype(int)
        difference = np.abs(back - expected.voxels)
        assert (difference > 1).mean() < 2e-3, (order, flips)


@pytest.mark.parametrize(
    "grid",
    [
        OBLIQUE,
        about_the_head((60, 62, 17), (1.4, 1.5, 5.0), (-9, 6, 15), (1, 1, 1)),
        about_the_head((13, 54, 50), (6.5, 1.7, 1.8), (0, 0, 0), (-1, 1, -1)),
    ],
    ids=["oblique", "thick transverse", "thick sagittal, mirrored"],
)
def test_oblique_and_thick_scans(grid: Grid) -> None:
    """The signal is a line in x, y, z, so the HU must be one, on the scan's own voxels."""
    mr = scan(grid)
    sct = translator(Line()).translate(mr)
    assert sct.grid.matches(grid)
    indices = np.argwhere(mr.voxels > 0)
    points = grid.to_world(indices)
    x, y, z = (points - (5, -3, 8)).T
    depth = (x / 30) ** 2 + (y / 36) ** 2 + (z / 27) ** 2
    deep = depth < 0.45
    hu = sct.voxels[tuple(indices[deep].T)].astype(float)
    truth = signal(points[deep])
    slope, offset = np.polyfit(truth, hu, 1)
    work = resample(mr, grid.upright((2, 2, 2)), fill=0.0)
    low, high = np.percentile(work.voxels[head_mask_mr(work).voxels], (1, 99))
    assert slope == pytest.approx(3000 * 0.5 / (high - low), rel=0.02)
    assert np.abs(slope * truth + offset - hu).max() < 12
    found, real = sct.voxels > -1024, mr.voxels > 0
    assert 2 * (found & real).sum() / (found.sum() + real.sum()) > 0.95


@pytest.mark.parametrize(
    ("gain", "offset"), [(10.0, 0.0), (1e-3, 0.0), (1.0, -300.0), (0.01, -5.0)]
)
def test_intensity_units_do_not_matter(
    upright: Volume, expected: Volume, gain: float, offset: float
) -> None:
    """Other scanners' units, floats in [0, 1], an offset and z-scores below zero."""
    mr = upright.with_voxels((gain * upright.voxels + offset).astype(np.float32))
    sct = translator(Line()).translate(mr)
    difference = np.abs(sct.voxels.astype(int) - expected.voxels)
    assert (difference > 2).mean() < 1e-3


def test_a_negative_background_stays_outside_of_an_oblique_scan() -> None:
    mr = scan(OBLIQUE)
    plain = translator(Line()).translate(mr)
    offset = translator(Line()).translate(mr.with_voxels(mr.voxels - np.float32(800)))
    assert (np.abs(plain.voxels.astype(int) - offset.voxels) > 2).mean() < 1e-3


@pytest.mark.parametrize("ending", [".nii.gz", ".mha"])
def test_files(tmp_path: Path, ending: str) -> None:
    mr = scan(OBLIQUE)
    write_volume(tmp_path / f"mr{ending}", mr)
    read = read_volume(tmp_path / f"mr{ending}", "a.u.")
    sct = translator(Line()).translate(read)
    write_volume(tmp_path / f"sct{ending}", sct)
    again = read_volume(tmp_path / f"sct{ending}", "HU")
    assert again.grid.matches(mr.grid)
    difference = np.abs(again.voxels.astype(int) - translator(Line()).translate(mr).voxels)
    assert (difference > 1).mean() < 1e-3


def test_how_many_slices_go_at_once_does_not_matter(
    upright: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    network = UNet(SMALL)
    for m in network.modules():  # statistics unlike those of the images: eval mode must use them
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.fill_(0.05)
    results = []
    for at_once in (1, 3, 8, 1000):
        monkeypatch.setattr(predict_slices, "SLICES_AT_ONCE", at_once)
        results.append(translator(network.train()).translate(upright).voxels.astype(int))
    assert np.ptp(results[0][results[0] > -1024]) > 20
    for result in results[1:]:
        assert np.abs(result - results[0]).max() <= 1


def test_a_bundle_on_disk(upright: Volume, tmp_path: Path) -> None:
    torch.manual_seed(4)
    network = UNet(SMALL)
    bundle = Bundle(
        SMALL, ("mr",), (2.0, 2.0, 2.0), Slices((48, 40)), window=WINDOW, scaling=SCALING
    )
    write_bundle(tmp_path / "b", bundle, network.state_dict())
    loaded = Translator.load(tmp_path / "b", device="cpu")
    assert loaded.bundle == bundle
    direct = Translator(bundle, network, torch.device("cpu"))
    np.testing.assert_array_equal(
        loaded.translate(upright).voxels, direct.translate(upright).voxels
    )
    with pytest.raises(ValueRangeError, match="device 'abacus' is not available"):
        Translator.load(tmp_path / "b", device="abacus")
    with pytest.raises(BundleError, match="is not a bundle"):
        Translator.load(tmp_path)


def test_useless_volumes_are_refused(upright: Volume) -> None:
    with pytest.raises(ValueRangeError, match="the MR is constant: every voxel is 7"):
        translator(Line()).translate(upright.with_voxels(np.full(upright.grid.shape, 7)))
    holes = upright.voxels.astype(np.float32)
    holes[3, 4, 5] = np.inf
    with pytest.raises(ValueRangeError, match="the MR: 1 voxels are infinite"):
        translator(Line()).translate(upright.with_voxels(holes))


def test_where_the_mr_was_not_measured_neither_is_the_ct(upright: Volume) -> None:
    """NaN from the nose forwards: as if the scan ended there, on the same grid."""
    cut = 32  # of 44 along J; the head reaches from 4 to 40
    holes = upright.voxels.astype(np.float32)
    holes[:, cut:] = np.nan
    sct, deviation = with_deviation().translate_with_deviation(upright.with_voxels(holes))
    assert sct.measured is not None
    np.testing.assert_array_equal(sct.measured, ~np.isnan(holes))
    np.testing.assert_array_equal(deviation.measured, ~np.isnan(holes))
    assert (sct.voxels[:, cut:] == -1024).all()
    assert (deviation.voxels[:, cut:] == 0).all()
    i, _, k = upright.grid.shape
    shorter = upright.cropped((slice(0, i), slice(0, cut), slice(0, k)))
    wanted = with_deviation().translate(shorter)
    assert wanted.measured is None
    head = wanted.voxels > -1024
    assert 2 * (head & (sct.voxels[:, :cut] > -1024)).sum() > 1.98 * head.sum()
    apart = np.abs(sct.voxels[:, :cut].astype(int) - wanted.voxels)[head]
    assert np.quantile(apart, 0.98) <= 10


def test_on_another_grid_a_ct_is_measured_where_the_mr_was(upright: Volume) -> None:
    holes = upright.voxels.astype(np.float32)
    holes[:, 32:] = np.nan
    mr = Volume.from_numpy(holes, upright.affine, "a.u.")
    sct = translator(Line()).translate(mr, onto=OBLIQUE)
    places = upright.grid.to_index(OBLIQUE.to_world(np.moveaxis(np.indices(OBLIQUE.shape), 0, -1)))
    size = np.array((*upright.grid.shape[:1], 32, *upright.grid.shape[2:]))
    inside = ((places > -0.5) & (places < size - 0.5)).all(axis=-1)
    assert sct.measured is not None
    assert 0.2 < inside.mean() < 0.9
    np.testing.assert_array_equal(sct.measured, inside)
    assert (sct.voxels[~inside] == -1024).all()


def test_of_several_channels_each_must_have_been_measured(upright: Volume) -> None:
    """The second ends below and is turned against the first, and is NaN somewhere else."""
    second = scan(about_the_head((46, 50, 30), (2, 2, 2), (4, 3, 6), (1, 1, 1)))
    holes = second.voxels.astype(np.float32)
    holes[:9] = np.nan
    bundle = Bundle(
        UNetConfig(in_channels=2, width=3, depth=3),
        ("T1", "T2"),
        (2.0, 2.0, 2.0),
        Slices((48, 40)),
        window=WINDOW,
        scaling=SCALING,
    )
    several = Translator(bundle, FirstOf(), torch.device("cpu"))
    sct = several.translate({"T1": upright, "T2": second.with_voxels(holes)}, aligned=True)
    places = second.grid.to_index(
        upright.grid.to_world(np.moveaxis(np.indices(upright.grid.shape), 0, -1))
    )
    inside = ((places > -0.5) & (places < np.array(second.grid.shape) - 0.5)).all(axis=-1)
    inside &= places[..., 0] > 8.5
    assert sct.measured is not None
    assert 0.3 < inside.mean() < 0.9
    np.testing.assert_array_equal(sct.measured, inside)
    assert (sct.voxels[~inside] == -1024).all()
    assert ((sct.voxels > -1024) & inside).sum() > 3000


def test_a_ct_that_calls_itself_an_mr_is_refused_unless_forced(tiny_store: Path) -> None:
    ct = read_subject(tiny_store, "head1").ct
    named = ct.with_voxels(ct.voxels, "a.u.")
    with pytest.raises(ValueRangeError, match=r"the MR holds HU .*it is a CT.*pass force=True"):
        translator(Line()).translate(named)
    assert translator(Line()).translate(named, force=True).grid.matches(ct.grid)


@pytest.mark.parametrize("spacing", [(4.0, 4.0, 4.0), (5.0, 6.0, 3.0)])
def test_translation_shows_the_network_what_training_did(
    tiny_store: Path, spacing: tuple[float, float, float]
) -> None:
    """Same scaling, mask, orientation and size: each training slice is found among those shown."""
    size = (56, 72)
    subject = load_subject(tiny_store, "head1", channels=("mr",), spacing=spacing, scaling=SCALING)
    slices = SliceSet([subject], size=size, window=WINDOW)
    training = slices.batch(list(range(len(slices)))).mr[:, 0].numpy()
    network = Line()
    translator(network, spacing, size).translate(read_subject(tiny_store, "head1").mr)
    shown = network.images
    assert shown.shape[1:] == training.shape[1:]
    first = None
    for n, image in enumerate(training):
        wanted = content(image[None])
        matches = [
            k
            for k, candidate in enumerate(shown)
            if candidate.any()
            and content(candidate[None]).shape == wanted.shape
            and np.abs(content(candidate[None]) - wanted).max() < 2e-3  # float16 in the store
        ]
        assert len(matches) == 1, n
        first = matches[0] if first is None else first
        assert matches[0] >= first + n  # in order, foot to head


def test_the_raw_scan_is_scaled_like_the_prepared_one(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training saw the MR moved onto the CT's grid; a new patient's has its own field of view."""
    from mrtoct.phantom import TINY, make_subject

    ranges: list[tuple[float, float]] = []
    measure = MrScaling.measure

    def recorded(scaling: MrScaling, mr: Array, head: Array) -> tuple[float, float]:
        ranges.append(measure(scaling, mr, head))
        return ranges[-1]

    monkeypatch.setattr(MrScaling, "measure", recorded)
    raw = make_subject(1, TINY)
    subject = read_subject(tiny_store, "head1")
    spacing = (4.0, 4.0, 4.0)
    sct = translator(Line(), spacing).translate(raw.mr["T1"])
    prepared = translator(Line(), spacing).translate(subject.mr).voxels
    (low, high), (stored_low, stored_high) = ranges
    assert high == pytest.approx(stored_high, rel=0.01)
    assert low == pytest.approx(stored_low, abs=0.02 * stored_high)

    moved = resample(sct, subject.mr.grid, fill=-1024, transform=raw.ct_to_mr).voxels
    # Half-way between air and the darkest that the line answers, -700 HU.
    found, before = (v[subject.covered.voxels] > -862 for v in (moved, prepared))
    assert 2 * (found & before).sum() / (found.sum() + before.sum()) > 0.97


def test_another_grid_may_be_asked_for(upright: Volume, expected: Volume) -> None:
    """One interpolation from the network's grid, not two."""
    onto = OBLIQUE
    found = translator(Line()).translate(upright, onto=onto)
    assert found.grid is onto
    same = translator(Line()).translate(upright, onto=upright.grid)
    np.testing.assert_array_equal(same.voxels, expected.voxels)
    twice = resample(expected, onto, fill=-1024).voxels
    inside = (found.voxels > -900) & (twice > -900)
    assert inside.sum() > 0.8 * (found.voxels > -900).sum()
    assert np.abs(found.voxels[inside] - twice[inside]).mean() < 60


def test_a_path_and_images_of_other_packages_are_translated_as_the_volume_is(
    upright: Volume, expected: Volume, tmp_path: Path
) -> None:
    path = tmp_path / "mr.nii.gz"
    write_volume(path, upright)
    for given in (path, str(path), upright.to_nibabel(), upright.to_simpleitk(), {"mr": path}):
        sct = translator(Line()).translate(given)
        np.testing.assert_array_equal(sct.voxels, expected.voxels)
        assert sct.grid.matches(upright.grid)


def test_a_volume_in_another_unit_is_refused_unless_forced(
    upright: Volume, expected: Volume
) -> None:
    stub = translator(Line())
    for unit in ("HU", "label"):
        other = upright.with_voxels(upright.voxels, unit)
        with pytest.raises(ValueRangeError, match=f"the MR is in {unit}, it must be in a.u.; pass"):
            stub.translate(other)
        np.testing.assert_array_equal(stub.translate(other, force=True).voxels, expected.voxels)
    assert {d.kind for d in stub.doubts(upright.with_voxels(upright.voxels, "HU"))} == {
        d.kind for d in stub.doubts(upright)
    }


def test_what_is_no_mr_is_refused_by_what_it_is(upright: Volume) -> None:
    stub = translator(Line())
    with pytest.raises(ValueRangeError, match="without its affine; use Volume"):
        stub.translate(upright.voxels)  # type: ignore[arg-type]
    with pytest.raises(FileError, match=r"mr\.nii\.gz does not exist"):
        stub.translate("mr.nii.gz")
    with pytest.raises(CohortError, match="has the MR channels mr, not T9"):
        stub.translate({"T9": upright})


def test_where_a_face_was_removed_nothing_is_drawn_and_nothing_measured() -> None:
    mr = make_subject([1, 0], TINY).mr["T1"]
    head = head_mask_mr(mr).voxels
    indices = np.stack(np.meshgrid(*map(np.arange, mr.grid.shape), indexing="ij"), axis=-1)
    _, y, z = np.moveaxis(mr.grid.to_world(indices), -1, 0)
    taken = (z < z[head].max() - 85) & (y > y[head].max() - 60)
    stub = translator(Line(), (3.75, 3.75, 6.0))
    whole = stub.translate(mr)
    sct = stub.translate(mr.with_voxels(np.where(taken, 0, mr.voxels)))
    assert sct.measured is not None
    gone = ~sct.measured if whole.measured is None else whole.measured & ~sct.measured
    assert 2 * (gone & taken).sum() / (gone.sum() + taken.sum()) > 0.95
    assert (sct.voxels[~sct.measured] == -1024).all()
    # Of the head that is left, all is still there.
    left = (whole.voxels > -1024) & ~ndimage.binary_dilation(taken, iterations=2)
    assert (sct.voxels[left] > -1024).mean() > 0.98
