"""NumPy's own files (.npy): one array each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrtoct.errors import FileError
from mrtoct.volume import Array


def open_array(path: Path) -> Array:
    """Return the array in a .npy file as a memory map to read from.

    Raises FileError if the file is missing, cut short, no such file, or holds Python objects.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # NumPy parses a header by whatever Python's tokenizer raises
        raise FileError(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from error
