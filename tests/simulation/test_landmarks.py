"""Where the eyes are, or would be."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.landmarks import Landmarks, find_landmarks
from mrtoct.volume import Array


def test_the_middle_lies_between_the_eyes(small: Array) -> None:
    # Centred head of half axes 30, 36, 32 in a margin of 8; eyes 24 - 2 before the middle.
    assert find_landmarks(small) == Landmarks((38, 44 + 22, 40))
    assert find_landmarks(small).middle == 38


def test_eyes_of_different_size_do_not_move_the_middle(head: Array) -> None:
    where = np.argwhere(head == Tissue.VITREOUS)
    right = where[where[:, 0] > 38]
    head[tuple(right[right[:, 0] < right[:, 0].max()].T)] = Tissue.FAT
    assert find_landmarks(head).middle == 38


def test_a_head_without_eyes_is_judged_by_its_outline() -> None:
    head = np.zeros((121, 201, 181), dtype=np.uint8)
    head[20:101, 0:201, 0:161] = Tissue.MUSCLE
    assert find_landmarks(head) == Landmarks((60, 168, 50))  # 84 % to the front, 110 down
