"""A stub of the parts of 3D Slicer that the module uses. It is not Slicer: it has no windows.

Nodes hold a volume of ours, widgets hold what is set on them, and a process runs to its end when it
is started. What a real Slicer does besides is tried by hand (slicer/README.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

from mrtoct.io.files import read_volume, write_volume
from mrtoct.volume import Volume


class Display:
    def __init__(self) -> None:
        self.said: dict[str, tuple[object, ...]] = {}

    def __getattr__(self, name: str):
        return lambda *arguments: self.said.__setitem__(name, arguments)


class Node:
    """A scalar volume node."""

    def __init__(self, name: str, volume: Volume, transform: str | None = None) -> None:
        self.name, self.volume, self.transform = name, volume, transform
        self.display, self.attributes = Display(), {}

    def GetName(self) -> str:  # noqa: N802 (Slicer's names)
        return self.name

    def GetTransformNodeID(self) -> str | None:  # noqa: N802
        return self.transform

    def SetAndObserveTransformNodeID(self, transform: str | None) -> None:  # noqa: N802
        self.transform = transform

    def GetDisplayNode(self) -> Display:  # noqa: N802
        return self.display

    def GetAttribute(self, name: str) -> str | None:  # noqa: N802
        return self.attributes.get(name)

    def SetAttribute(self, name: str, value: str) -> None:  # noqa: N802
        self.attributes[name] = value


class Process:
    """QProcess, but start returns when the program has ended."""

    def __init__(self) -> None:
        self.told: dict[str, object] = {}
        self.environment: dict[str, str] = {}
        self.said = b""

    def connect(self, signal: str, slot: object) -> None:
        self.told[signal.partition("(")[0]] = slot

    def setProcessEnvironment(self, environment: Environment) -> None:  # noqa: N802
        self.environment = environment.variables

    def start(self, program: str, arguments: list[str]) -> None:
        ended = subprocess.run([program, *arguments], env=self.environment, capture_output=True)
        self.said = ended.stderr
        self.told["readyReadStandardError"]()
        self.told["finished"](ended.returncode, None)

    def readAllStandardError(self) -> SimpleNamespace:  # noqa: N802
        said, self.said = self.said, b""
        return SimpleNamespace(data=lambda: said)

    def kill(self) -> None:
        self.told["finished"](9, None)


class Environment:
    def __init__(self) -> None:
        self.variables: dict[str, str] = {}

    def insert(self, name: str, value: str) -> None:
        self.variables[name] = value


class Widget:
    """Any widget: it keeps what is set and takes every call."""

    def __init__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str):
        return lambda *arguments: None


def install(monkeypatch, folder: Path) -> SimpleNamespace:
    """Put the stub where imports find it; return what the module did to the scene."""
    scene = SimpleNamespace(loaded=[], layers=None)

    def load(path: str, told: dict[str, object]) -> Node:
        node = Node(str(told["name"]), read_volume(path, "HU"))
        scene.loaded.append(node)
        return node

    def save(node: Node, path: str) -> bool:
        write_volume(path, node.volume)
        return True

    slicer, util, base = (
        ModuleType(n) for n in ("slicer", "slicer.util", "slicer.ScriptedLoadableModule")
    )
    for name in ("ScriptedLoadableModule", "ScriptedLoadableModuleLogic"):
        setattr(base, name, type(name, (), {"__init__": lambda self, *_: None}))

    class ModuleWidget:
        def __init__(self, *_: object) -> None:
            self.layout = Widget()

        def setup(self) -> None:
            pass

    base.ScriptedLoadableModuleWidget = ModuleWidget
    # Slicer's own environment holds variables that would mislead another Python.
    util.startupEnvironment = lambda: {k: v for k, v in os.environ.items() if k != "PYTHONHOME"}
    util.loadVolume, util.saveNode = load, save
    util.setSliceViewerLayers = lambda **layers: setattr(scene, "layers", layers)
    slicer.util, slicer.app = util, SimpleNamespace(temporaryPath=str(folder))
    slicer.mrmlScene, slicer.qMRMLNodeComboBox = object(), Widget
    qt, ctk = ModuleType("qt"), ModuleType("ctk")
    qt.QProcess, qt.QProcessEnvironment = Process, Environment
    qt.QSettings = lambda: SimpleNamespace(value=lambda _: None, setValue=lambda *_: None)
    for name in ("QCheckBox", "QPushButton", "QPlainTextEdit", "QLineEdit", "QFormLayout"):
        setattr(qt, name, Widget)
    ctk.ctkPathLineEdit = ctk.ctkCollapsibleButton = Widget
    modules = {m.__name__: m for m in (slicer, util, base, qt, ctk)}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return scene
