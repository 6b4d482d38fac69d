"""Put NiiVue, the report's 3-D viewer, into the wheel: its built JavaScript from the npm registry.

No copy of it is kept in the repository. Where npm or the network is missing the wheel is built
without it, with a warning, and pages show slices only; MRTOCT_NIIVUE=required makes that an error
(releases), MRTOCT_NIIVUE=off leaves it out.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "@niivue/niivue@0.69.0"
SHA512 = "YMjQvJgD1W2b7DuoxkwlC4VxbrgIePRJ5qyQzXKxi2v2MBVg285P/CIQyg46oDDGDIcaNlbd+MhtO/edMbXJkA=="
FILES = {"package/dist/niivue.umd.js": "niivue.umd.js"}
"""Its licence, BSD-2-Clause, lies in the package: the archive holds no copy."""
TARGET = Path("src/mrtoct/report/niivue")
PATIENCE = 120
"""Seconds for the download: 3 MB."""


class NiivueHook(BuildHookInterface[Any]):
    """Fetches the package once, checks its sum, and leaves its files where the wheel takes them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files before the wheel is put together."""
        target = Path(self.root) / TARGET
        wanted = os.environ.get("MRTOCT_NIIVUE", "")
        if wanted == "off" or self.target_name != "wheel":
            return
        if not all((target / name).is_file() for name in FILES.values()):
            try:
                _fetch(target)
            except (OSError, subprocess.SubprocessError, tarfile.TarError, ValueError) as error:
                if wanted == "required":
                    raise
                self.app.display_warning(f"built without NiiVue (no 3-D in reports): {error}")
                return
        build_data["artifacts"].append(f"{TARGET.as_posix()}/*")


def _fetch(target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [npm, "pack", "--silent", PACKAGE],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
        [archive] = Path(folder).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != SHA512:
            raise ValueError(f"{PACKAGE} has the sum {found}, expected {SHA512}")
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as tar:
            for member, name in FILES.items():
                source = tar.extractfile(member)
                if source is None:
                    raise ValueError(f"{PACKAGE} holds no {member}")
                part = target / f".{name}.part"
                part.write_bytes(source.read())
                part.replace(target / name)
