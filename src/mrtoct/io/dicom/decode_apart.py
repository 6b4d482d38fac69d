"""What the decoder's own process does: paths of DICOM files from stdin, voxels to .npy beside them.

It is run as a file and imports nothing of mrtoct, so that it is there in half a second.
"""

from __future__ import annotations

import sys

DONE = "done"


def main() -> None:
    """Decode file by file until stdin ends, and say on stdout how each went."""
    import numpy as np
    import SimpleITK as sitk

    for line in sys.stdin:
        path = line.rstrip("\n")
        try:
            voxels = sitk.GetArrayFromImage(sitk.ReadImage(path, imageIO="GDCMImageIO"))
            np.save(f"{path}.npy", voxels)
            said = DONE
        except Exception as error:  # ITK raises what it likes
            said = " ".join(str(error).split()) or type(error).__name__
        print(said, flush=True)


if __name__ == "__main__":
    main()
