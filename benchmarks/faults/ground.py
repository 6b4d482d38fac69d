"""What commands need to be killed on: tiny phantoms, a store, a bundle, a server."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mrtoct.datasets.rire.catalog import Archive
from mrtoct.io.files import write_volume
from mrtoct.io.rire.image import in_rire_frame
from mrtoct.io.rire.image import write as write_rire
from mrtoct.io.transforms import write_transform
from mrtoct.phantom import TINY, make_subject
from mrtoct.prepare.cohort import prepare_cohort
from mrtoct.prepare.subject import PrepareSettings
from mrtoct.training.recipe import Recipe
from mrtoct.training.train import train

from .samples import made_in_a_folder

HEADS = replace(TINY, ct_shape=(40, 40, 24), mr_shape=(40, 40, 22),
                ct_spacing=(6.0, 6.0, 9.0), mr_spacing=(6.0, 6.0, 9.0))  # fmt: skip
SUBJECTS = ("s01", "s02", "s03", "s04")
SETTINGS = PrepareSettings(spacing=(8.0, 8.0, 8.0), judge_given=False)


def recipe(name: str = "tiny", **sections: object) -> Recipe:
    """Return a recipe of a few weights and six steps."""
    values: dict[str, object] = {
        "name": name,
        "data": {"spacing": [8, 8, 8], "size": [32, 32]},
        "model": {"width": 2, "depth": 3},
        "training": {"steps": 6, "batch": 2, "validate_every": 1, "precision": "float32"},
        "split": {"validation": 0.25},
    }
    return Recipe.model_validate({**values, **sections})


@dataclass(frozen=True)
class Ground:
    """Where things lie."""

    table: Path
    """A cohort of four subjects, as prepare takes it."""
    mr: Path
    store: Path
    bundle: Path


def make_ground(folder: Path) -> Ground:
    lines = ["subject,ct,mr,ct_to_mr"]
    for seed, name in enumerate(SUBJECTS, start=1):
        head = make_subject(seed, HEADS)
        write_volume(folder / name / "ct.nii", head.ct)
        write_volume(folder / name / "mr.nii", head.mr["T1"])
        write_transform(folder / name / "t.tfm", head.ct_to_mr)
        lines.append(f"{name},{name}/ct.nii,{name}/mr.nii,{name}/t.tfm")
    table = folder / "cohort.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    prepare_cohort(table, folder / "store", SETTINGS)
    best = train(folder / "store", folder / "run", recipe())
    return Ground(table, folder / "s01" / "mr.nii", folder / "store", best)


ARCHIVES = [Archive(f"patient_00{n}", modality) for n in (1, 2, 3) for modality in ("ct", "mr_T1")]


def archives() -> dict[str, bytes]:
    """Return scans as RIRE offers them, by the paths of their addresses."""
    head = make_subject(1, HEADS)
    scans = {"ct": ("CT", head.ct), "mr_T1": ("MR", head.mr["T1"])}
    served = {}
    for archive in ARCHIVES:
        kind, scan = scans[archive.modality]
        files = made_in_a_folder(
            lambda f, k=kind, s=scan: write_rire(f / "scan", in_rire_frame(s), k)
        )
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            for name, content in files.items():
                entry = tarfile.TarInfo(f"{archive.name}/{Path(name).name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        served[archive.path] = out.getvalue()
    return served


PIECE = 4096


@contextmanager
def serving(files: dict[str, bytes], pause: float = 0.002) -> Iterator[str]:
    """Serve files slowly, with ranges and entity tags, as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(asked[1]) if asked and self.headers.get("If-Range") == tag else 0
            start = start if start < len(content) else 0
            self.send_response(206 if start else 200)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(content) - start))
            if start:
                said = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", said)
            self.end_headers()
            with suppress(OSError):  # the client was killed
                for at in range(start, len(content), PIECE):
                    self.wfile.write(content[at : at + PIECE])
                    time.sleep(pause)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that was killed

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
