"""The real MR among the data, and what a translator makes of each, once."""

from __future__ import annotations

from pathlib import Path

from mrtoct.io.files import read_volume
from mrtoct.volume import Volume

from .part import Made, Setting, Translates, translated
from .pictures import draw

FILES = {
    "RIRE T1, 4 mm": "rire/training_001_mr_T1.mha",
    "Visible Human T1, 5 mm": "visible_human_male/mr.mha",
    "Colin27 T1": "colin27_brainweb/t1.nii.gz",
    "volunteer T1": "mr_heads/fnndsc/fnndsc_mocoMEMPRAGE_220FOV_RMS_HFS.nii.gz",
    "volunteer T2, 2.5 mm": "mr_heads/fnndsc/fnndsc_AX_FSE_T2_HFS.nii.gz",
    "Seg3D T1": "mr_heads/seg3d/mr_t1.nii.gz",
    "localiser HFS": "dicom_mr_positions/HFS",
    "localiser HFP": "dicom_mr_positions/HFP",
    "localiser HFDL": "dicom_mr_positions/HFDL",
    "localiser HFDR": "dicom_mr_positions/HFDR",
}
"""By what tables call them; folders hold DICOM."""

_made: dict[tuple[int, Path, str], Made] = {}


def read_mr(setting: Setting, name: str) -> Volume:
    """Read one of FILES."""
    return read_volume(setting.data / FILES[name], "a.u.")


def real_sct(translator: Translates, setting: Setting, name: str) -> Made:
    """Return the synthetic CT of one of FILES; several parts ask for the same, it is made once."""
    key = (id(translator), setting.data, name)
    if key not in _made:
        mr = read_mr(setting, name)
        _made[key] = translated(translator, mr, deviation=setting.pictures)
        setting.say(f"{name}: translated")
        if setting.pictures:
            draw(setting.out / name, mr, _made[key])
    return _made[key]
