"""Teach the segmentation network of the anatomical loss: for maintainers.

python -m mrtoct.training.segmentation SOURCES OUT.safetensors [MINUTES]

SOURCES is what mrtoct simulate takes: label maps, of which heads are drawn whose tissues and CT are
known to the voxel. Every fourth head drawn is kept apart, and the Dice of each class is told of
those. A synthetic CT is smoother and less exact than a real one, so CTs are blurred, shifted,
stretched and made noisy.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from mrtoct.errors import CohortError
from mrtoct.hardware.devices import device_named
from mrtoct.io.atomic import new_file
from mrtoct.networks.segmenter import CLASSES, LOW_HU, WIDTH_HU, Segmenter
from mrtoct.phantom.tissues import Tissue
from mrtoct.sampling.patches import cut_out
from mrtoct.simulation.anatomy import Anatomy, AnatomySettings
from mrtoct.simulation.sources import AnatomyShelf, find_sources
from mrtoct.volume import AIR_HU, Array

SIZE = (64, 80, 64)
"""Voxels of 1 mm that are shown at once."""
BATCH = 2
VARIANTS = 8
"""Heads drawn from each source, of which every fourth is kept apart."""
OF_ONE_HEAD = 16
"""Steps before the next head: to draw one takes as long as several of them."""
JUDGED = 4
"""Sources of which a head that was kept apart is judged: a whole one takes 3 GB for a moment."""
LEARNING_RATE = 3e-3
_OF: dict[str, tuple[Tissue, ...]] = {
    "outside": (Tissue.AIR,),
    "air": (Tissue.INNER_AIR,),
    "bone": (Tissue.CORTICAL_BONE, Tissue.DIPLOE, Tissue.ENAMEL, Tissue.DENTINE, Tissue.METAL),
    "brain": (Tissue.CSF, Tissue.GREY_MATTER, Tissue.WHITE_MATTER, Tissue.LESION, Tissue.DURA),
    "fat": (Tissue.FAT,),
}
CLASS_OF = np.full(max(Tissue) + 1, CLASSES.index("soft tissue"), dtype=np.int64)
"""The class of each tissue; what is not named is soft tissue."""
for _name, _tissues in _OF.items():
    CLASS_OF[list(_tissues)] = CLASSES.index(_name)


def teach(
    sources: Path, out: Path, *, minutes: float = 10.0, steps: int = 100_000, seed: int = 1,
    device: str = "auto", overwrite: bool = False,
) -> dict[str, float]:  # fmt: skip
    """Train a Segmenter and write its weights in half precision; return the Dice of each class.

    Learns for so many minutes or steps. The Dice (NaN where neither has any) is of heads that were
    kept apart, drawn from the same sources. Raises CohortError where these hold no label map.
    """
    found = [source for source in find_sources(sources) if not source.has_ct]
    if not found:
        raise CohortError(f"{sources} holds no label maps; CTs do not label the voxels")
    used = device_named(device)
    torch.manual_seed(seed)
    network = Segmenter().to(used)
    adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    rng = np.random.default_rng(seed)
    with (
        new_file(out, overwrite=overwrite) as part,
        tempfile.TemporaryDirectory() as scratch,
    ):
        shelf = AnatomyShelf(Path(scratch), AnatomySettings(), seed)
        started = time.monotonic()
        for step in range(steps):
            done = max(step / steps, (time.monotonic() - started) / (60 * minutes))
            if done >= 1:
                break
            adam.param_groups[0]["lr"] = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * done))
            if step % OF_ONE_HEAD == 0:
                source = found[rng.integers(len(found))]
                number = int(rng.integers(VARIANTS) // 4 * 4 + rng.integers(1, 4))
            shown = _shown(shelf.anatomy(source, number), rng)
            ct, labels = (t.to(used) for t in shown)
            loss = segmentation_loss(network(ct), labels)
            adam.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            adam.step()
        network.eval()
        dice = measured(network, (shelf.anatomy(source, 0) for source in found[:JUDGED]))
        weights = {name: t.detach().cpu().half() for name, t in network.state_dict().items()}
        safetensors.torch.save_file(weights, part)
    return dice


def segmentation_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy plus 1 - mean Dice of the classes that are there; scores (N, 6, I, J, K).

    labels are (N, I, J, K). The Dice counts a small class as much as a large one.
    """
    parts = scores.float().softmax(dim=1)
    truth = F.one_hot(labels, len(CLASSES)).movedim(-1, 1).float()
    axes = (0, 2, 3, 4)
    both, sizes = (parts * truth).sum(axes), (parts + truth).sum(axes)
    there = truth.sum(axes) > 0
    overlap = (2 * both / sizes.clamp(min=1e-6))[there].mean()
    return F.cross_entropy(scores.float(), labels) + 1 - overlap


@torch.no_grad()
def measured(network: Segmenter, heads: Iterable[Anatomy]) -> dict[str, float]:
    """Return the Dice of each class over whole heads."""
    device = next(network.parameters()).device
    both, sizes = (np.zeros(len(CLASSES)) for _ in range(2))
    for head in heads:
        high = np.array([n + -n % 4 for n in head.hu.shape])
        ct, labels = _cut(head, np.zeros(3, dtype=np.int64), high)
        found = network(_normalised(ct)[None].to(device))[0].argmax(dim=0).cpu().numpy()
        for n in range(len(CLASSES)):
            both[n] += np.count_nonzero((found == n) & (labels == n))
            sizes[n] += np.count_nonzero(found == n) + np.count_nonzero(labels == n)
    with np.errstate(invalid="ignore"):
        return dict(zip(CLASSES, (2 * both / sizes).tolist(), strict=True))


def _shown(head: Anatomy, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return parts of a head as the network is shown them, (N, 1, I, J, K), and their classes."""
    cts, classes = [], []
    for _ in range(BATCH):
        room = np.subtract(head.hu.shape, SIZE)
        low = np.where(room < 0, -1, 1) * rng.integers(0, np.abs(room) + 1)
        ct, labels = _cut(head, low, low + np.array(SIZE))
        if rng.uniform() < 0.5:
            ct, labels = ct[:, ::-1], labels[::-1]
        cts.append(_normalised(np.ascontiguousarray(ct), rng))
        classes.append(torch.from_numpy(np.ascontiguousarray(labels)))
    return torch.stack(cts), torch.stack(classes)


def _cut(head: Anatomy, low: Array, high: Array) -> tuple[Array, Array]:
    """Return the CT (1, I, J, K), HU, of a part of a head, and its classes (I, J, K)."""
    ct = cut_out(head.hu[None], low, high, AIR_HU)
    return ct, CLASS_OF[cut_out(head.tissue[None], low, high, Tissue.AIR)[0].astype(np.int64)]


def _normalised(hu: Array, rng: np.random.Generator | None = None) -> Tensor:
    """Return a CT (1, I, J, K) in [0, 1]; with a generator as unlike itself as a synthetic one."""
    if rng is not None:
        if rng.uniform() < 0.5:
            hu = ndimage.gaussian_filter(hu, (0, *[rng.uniform(0.3, 1.2)] * 3), mode="nearest")
        noise = rng.uniform(0, 25) * rng.standard_normal(hu.shape, dtype=np.float32)
        hu = hu * rng.uniform(0.9, 1.1) + rng.uniform(-25, 25) + noise
    ct = (np.asarray(hu, dtype=np.float32) - LOW_HU) / WIDTH_HU
    return torch.from_numpy(np.clip(ct, 0, 1).astype(np.float32))


if __name__ == "__main__":
    words = argparse.ArgumentParser(prog="python -m mrtoct.training.segmentation")
    words.add_argument("sources", type=Path, help="folder of label maps")
    words.add_argument("out", type=Path, help="weights to write, .safetensors")
    words.add_argument("minutes", type=float, nargs="?", default=10.0)
    given = words.parse_args()
    for name, value in teach(given.sources, given.out, minutes=given.minutes).items():
        print(f"{name:<12} Dice {value:.3f}")
