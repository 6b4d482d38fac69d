"""What README and docs suppose a reader to have: SOURCE, STORE, RUN, MR.nii.gz, ..."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from dicom_series import write_series
from doc_examples import ROOT
from loopback import Loopback
from mrtoct.io.files import write_volume
from mrtoct.io.transforms import write_transform
from mrtoct.phantom import TINY, make_subject
from mrtoct.phantom.cohort import write_cohort
from mrtoct.prepare.store import PreparedSubject, read_manifest, read_subject
from mrtoct.properties.compartments import INSIDE, SKULL, compartments
from mrtoct.resample import resample
from mrtoct.volume import Volume
from rire_archives import as_served, tar_gz

COARSE = replace(TINY, contrasts=("T1", "T2", "PD"), metal_probability=0.0)
PATIENTS = ("patient_001", "patient_002", "training_001")
"""Who is on the loopback server that stands in for RIRE."""


class Kit:
    """Makes each item when it is first wanted; call is how a command of mrtoct is run."""

    def __init__(self, folder: Path, call: Callable[..., None]) -> None:
        self.folder = folder
        self.call = call
        self.heads = [make_subject([7, n], COARSE) for n in range(3)]

    def lay(self, name: str, place: Path) -> None:
        """Copy an item to a place where it is not yet; what is no item is left alone."""
        make = getattr(self, "make_" + name.replace(".", "_"), None)
        if make is None or (place / name).exists():
            return
        item = self.folder / name
        if not item.exists():
            make(item)
        if place == self.folder:
            return
        (shutil.copytree if item.is_dir() else shutil.copyfile)(item, place / name)

    def make_SOURCE(self, folder: Path) -> None:  # noqa: N802
        for n, head in enumerate(self.heads, 1):
            write_volume(folder / f"s{n:02d}" / "ct.nii.gz", head.ct)
            for contrast, scan in head.mr.items():
                write_volume(folder / f"s{n:02d}" / f"mr_{contrast}.nii.gz", scan)

    def make_STORE(self, folder: Path) -> None:  # noqa: N802
        self.lay("SOURCE", self.folder)
        self.call("prepare", self.folder / "SOURCE", folder, "--workers", 1)

    def make_RUN(self, folder: Path) -> None:  # noqa: N802
        self.lay("STORE", self.folder)
        self.call("train", self.folder / "STORE", folder, "--recipe", "demo")

    def make_STUDY(self, folder: Path) -> None:  # noqa: N802
        """A DICOM study: an MR as series 6, a CT as series 8."""
        head = self.heads[0]
        write_dicom(
            folder / "dicom_mr", head.mr["T1"], "MR", SeriesNumber=6, SeriesDescription="t1 mprage"
        )
        write_dicom(folder / "dicom_ct", head.ct, "CT", SeriesNumber=8, SeriesDescription="head")

    def make_SYNTHRAD(self, folder: Path) -> None:  # noqa: N802
        for n, head in enumerate(self.heads, 1):
            place = folder / "Task1" / "brain" / f"1BA{n:03d}"
            mr = resample(head.mr["T1"], head.ct.grid, fill=0.0, transform=head.ct_to_mr)
            write_volume(place / "mr.nii.gz", mr)
            write_volume(place / "ct.nii.gz", head.ct)
            write_volume(place / "mask.nii.gz", in_head(head.labels))

    def make_RIRE(self, folder: Path) -> None:  # noqa: N802
        wanted = "ct,mr_T1,mr_T2,transformations"
        self.call("fetch", "rire", folder, "--subject", "training_001", "--modality", wanted)

    def make_MRS(self, folder: Path) -> None:  # noqa: N802
        """MR of heads that nobody has a CT of."""
        for n, head in enumerate(self.heads[:2], 1):
            write_volume(folder / f"s{n:02d}.nii.gz", head.mr["T1"])

    def make_BIDS(self, folder: Path) -> None:  # noqa: N802
        """Two visits of one person, MR on the grid of the CT."""
        for n, head in enumerate(self.heads[:2], 1):
            at, name = folder / "sub-01" / f"ses-{n}" / "anat", f"sub-01_ses-{n}"
            for contrast in ("T1", "T2"):
                mr = resample(head.mr[contrast], head.ct.grid, fill=0.0, transform=head.ct_to_mr)
                write_volume(at / f"{name}_{contrast}w.nii.gz", mr)
            write_volume(at / f"{name}_ct.nii.gz", head.ct)

    # A pair on one grid, with a synthetic CT and a mask.

    def make_MR_nii_gz(self, path: Path) -> None:  # noqa: N802
        head = self.heads[0]
        write_volume(path, resample(head.mr["T1"], head.ct.grid, fill=0.0, transform=head.ct_to_mr))

    def make_CT_nii_gz(self, path: Path) -> None:  # noqa: N802
        write_volume(path, self.heads[0].ct)

    def make_SCT_nii_gz(self, path: Path) -> None:  # noqa: N802
        ct = self.heads[0].ct
        noise = np.random.default_rng(5).normal(0, 60, ct.grid.shape)
        write_volume(path, ct.with_voxels(np.rint(ct.voxels + noise).astype(np.int16)))

    def make_MASK_nii_gz(self, path: Path) -> None:  # noqa: N802
        write_volume(path, in_head(self.heads[0].labels))

    make_HEAD_nii_gz = make_MASK_nii_gz  # noqa: N815

    # What belongs to that synthetic CT.

    def make_SD_nii_gz(self, path: Path) -> None:  # noqa: N802
        ct = self.heads[0].ct
        write_volume(path, ct.with_voxels(np.full(ct.grid.shape, 60, np.int16)))

    def make_tissue_labeling_upsampled_nii_gz(self, path: Path) -> None:
        """Labels as charm numbers them, of a head whose skull is too thick."""
        labels = compartments(self.heads[0].ct)
        thick = ndimage.binary_dilation(labels.voxels == SKULL) & (labels.voxels != INSIDE)
        voxels = np.where(thick & (labels.voxels > 0), 7, labels.voxels).astype(np.uint16)
        write_volume(path, labels.with_voxels(voxels))

    def make_SCT_DICOM(self, folder: Path) -> None:  # noqa: N802
        write_dicom(folder, self.heads[0].ct, "CT", SeriesNumber=1006)

    def make_UMAP(self, folder: Path) -> None:  # noqa: N802
        """What a PET/MR scanner makes of the head: all of it water."""
        labels = self.heads[0].labels
        mu = labels.with_voxels(np.where(labels.voxels > 0, 960, 0).astype(np.int16), "a.u.")
        write_dicom(folder, mu, "MR", SeriesNumber=7, SeriesDescription="Head_MRAC_PET_UMAP")

    # Folders with a volume for each subject of STORE, on its grid.

    def make_CTS(self, folder: Path) -> None:  # noqa: N802
        for subject in self.prepared():
            write_volume(folder / subject.name / "ct.nii.gz", subject.ct)

    def make_MASKS(self, folder: Path) -> None:  # noqa: N802
        for subject in self.prepared():
            write_volume(folder / subject.name / "mask.nii.gz", subject.head)

    def make_SCTS(self, folder: Path, noise: float = 50) -> None:  # noqa: N802
        for n, subject in enumerate(self.prepared()):
            wrong = np.random.default_rng([6, n]).normal(0, noise, subject.ct.grid.shape)
            hu = np.rint(subject.ct.voxels + wrong).astype(np.int16)
            write_volume(folder / subject.name / "sct.nii.gz", subject.ct.with_voxels(hu))

    def make_OTHER_SCTS(self, folder: Path) -> None:  # noqa: N802
        self.make_SCTS(folder, noise=80)

    def make_OTHER_RUN(self, folder: Path) -> None:  # noqa: N802
        self.lay("RUN", self.folder)
        shutil.copytree(self.folder / "RUN", folder)

    def prepared(self) -> list[PreparedSubject]:
        self.lay("STORE", self.folder)
        store = self.folder / "STORE"
        return [read_subject(store, name) for name in read_manifest(store).subjects]

    # A pair as it was scanned, and what belongs to it.

    def make_ct_nii_gz(self, path: Path) -> None:
        write_volume(path, self.heads[1].ct)

    def make_t1_nii_gz(self, path: Path) -> None:
        write_volume(path, self.heads[1].mr["T1"])

    make_mr_nii_gz = make_t1_nii_gz

    def make_t2_nii_gz(self, path: Path) -> None:
        write_volume(path, self.heads[1].mr["T2"])

    def make_pd_nii_gz(self, path: Path) -> None:
        write_volume(path, self.heads[1].mr["PD"])

    def make_ct_to_mr_tfm(self, path: Path) -> None:
        write_transform(path, self.heads[1].ct_to_mr)

    make_reference_tfm = make_ct_to_mr_tfm

    def make_mine_toml(self, path: Path) -> None:
        shutil.copyfile(ROOT / "src" / "mrtoct" / "recipes" / "unet.toml", path)


def in_head(labels: Volume) -> Volume:
    return Volume((labels.voxels > 0).astype(np.uint8), labels.grid, "label")


def write_dicom(folder: Path, scan: Volume, modality: str, **tags: object) -> None:
    """Write a scan whose voxels run to the right, front and top as transverse slices."""
    offset = 1024 if modality == "CT" else 0
    stored = (scan.voxels.astype(int) + offset).clip(0, 32767).astype(np.uint16)
    # A row runs to the patient's left, a column to the back.
    planes = stored[::-1, ::-1].transpose(2, 1, 0)
    right, front, slices = scan.grid.shape
    firsts = scan.grid.to_world([(right - 1, front - 1, k) for k in range(slices)])
    spacing = (scan.spacing[1], scan.spacing[0])
    directions = [1, 0, 0, 0, 1, 0]
    lps = firsts * (-1, -1, 1)
    write_series(folder, planes, directions, lps, spacing=spacing, modality=modality, **tags)


def serve_rire(server: Loopback, folder: Path) -> None:
    """Offer phantoms as RIRE's archives."""
    made = write_cohort(folder, len(PATIENTS), settings=COARSE, layout="rire")
    for phantom, name in zip(made, PATIENTS, strict=True):
        above = "" if name.startswith("training") else f"{name}/"
        for modality in ("ct", "mr_T1", "mr_T2", "mr_PD"):
            archive = as_served(folder / phantom, modality, name=name, kind="packed")
            server.files[f"{above}{modality}.tar.gz"] = archive
    standard = (folder / made[-1] / "truth" / "ct_T1.standard").read_bytes()
    server.files["transformations.tar.gz"] = tar_gz(
        {"ct_T1.standard": standard}, "training_001/transformations"
    )
