"""Pixels decoded by ITK in a process of its own: on damaged ones its codecs end theirs.

Of 2000 lossless JPEG files with some bytes changed 11 ended the process that decoded them, and one
kept it for good.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from mrtoct.io.dicom import decode_apart
from mrtoct.volume import Array

SECONDS = 60.0
"""For one file; 500 slices in one take a second or two."""


class CannotDecodeError(Exception):
    """The decoder knows no way, and says so."""


class DecoderEndedError(Exception):
    """The decoder ended of a file, or did not come back from it."""


class _Decoder:
    """The process, begun when first needed; it ends with this one, or of a damaged file.

    A process that is forked from this one begins its own.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._of = 0
        self._alone = threading.Lock()

    def decode(self, path: Path) -> Array:
        with self._alone:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            patience = threading.Timer(SECONDS, process.kill)
            patience.start()
            try:
                process.stdin.write(f"{path}\n")
                process.stdin.flush()
                said = process.stdout.readline().strip()
            except BrokenPipeError:
                said = ""
            finally:
                patience.cancel()
            if not said:
                process.kill()
                raise DecoderEndedError(f"the decoder ended with status {process.wait()}")
        if said != decode_apart.DONE:
            raise CannotDecodeError(said)
        return np.asarray(np.load(f"{path}.npy", allow_pickle=False))

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._of != os.getpid() or self._process.poll() is not None:
            self._process = subprocess.Popen(
                # -P: nothing is imported from the folder of that file
                [sys.executable, "-P", decode_apart.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            self._of = os.getpid()
        return self._process


_decoder = _Decoder()


def decode(path: Path) -> Array:
    """Return the voxels (frames, rows, columns) of a file, which a file beside it will hold.

    Raises CannotDecodeError, or DecoderEndedError where the pixels are damaged.
    """
    return _decoder.decode(path)
