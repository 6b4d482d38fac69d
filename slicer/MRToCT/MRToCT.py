"""MR to CT: a synthetic CT of a head MR, made by mrtoct in an environment of its own.

Slicer's Python is left alone: mrtoct is a program that this module calls, and volumes go there and
back as files in a temporary folder.
"""

from __future__ import annotations

import shutil
import tempfile

import ctk
import qt
from MRToCTLib.program import INSTALL, Job, find_program, sorted_out
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleWidget,
)

import slicer

PROGRAM_SETTING = "MRToCT/program"
BONE_WINDOW, BONE_LEVEL = 2000, 500
"""A first look at a skull, in HU."""
MOST_DEVIATION = 400
"""Upper end of the deviation's colours, in HU."""


class MRToCT(ScriptedLoadableModule):
    """What Slicer's list of modules shows."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "MR to CT"
        parent.categories = ["Radiotherapy", "Filtering"]
        parent.dependencies = []
        parent.contributors = ["The mrtoct developers"]
        parent.helpText = (
            "Makes a synthetic CT in Hounsfield units from a head MR of any contrast. Research "
            "software, not a medical device: not for diagnosis, not for treatment planning."
        )
        parent.acknowledgementText = "The model was trained on simulated scans; see its model card."


class MRToCTWidget(ScriptedLoadableModuleWidget):
    """The module's panel."""

    def setup(self):
        """Lay the panel out."""
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = MRToCTLogic(self.told, self.ended)
        form = self._section("Translate")
        self.mr = slicer.qMRMLNodeComboBox()
        self.mr.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.mr.addEnabled = self.mr.removeEnabled = False
        self.mr.setMRMLScene(slicer.mrmlScene)
        self.mr.toolTip = "Head MR of any contrast, orientation and slice thickness."
        form.addRow("MR:", self.mr)
        self.deviation = qt.QCheckBox()
        self.deviation.checked = True
        self.deviation.toolTip = "Also a map of the standard deviation of each voxel, in HU."
        form.addRow("How sure it is:", self.deviation)
        self.button = qt.QPushButton("Make synthetic CT")
        form.addRow(self.button)
        self.words = qt.QPlainTextEdit()
        self.words.readOnly = True
        form.addRow(self.words)

        form = self._section("Settings")
        self.program = ctk.ctkPathLineEdit()
        self.program.currentPath = qt.QSettings().value(PROGRAM_SETTING) or find_program()
        self.program.toolTip = INSTALL
        form.addRow("mrtoct program:", self.program)
        self.model = qt.QLineEdit("head")
        self.model.toolTip = "Name of a model that comes with mrtoct, or a folder such as RUN/best."
        form.addRow("Model:", self.model)
        self.force = qt.QCheckBox()
        self.force.toolTip = "Translate what does not look like a head MR, too."
        form.addRow("Insist:", self.force)
        self.layout.addStretch(1)
        self.button.connect("clicked(bool)", self.clicked)

    def cleanup(self):
        """End what is under way when the module goes."""
        self.logic.stop()

    def _section(self, title):
        box = ctk.ctkCollapsibleButton()
        box.text = title
        self.layout.addWidget(box)
        return qt.QFormLayout(box)

    def clicked(self, _checked=False):
        """Begin, or stop what was begun."""
        if self.logic.busy:
            self.logic.stop()
            return
        program, mr = find_program(self.program.currentPath), self.mr.currentNode()
        self.words.plainText = ""
        if not program:
            self.told(f"The program mrtoct was not found.\n{INSTALL}")
        elif mr is None:
            self.told("Choose an MR first.")
        else:
            qt.QSettings().setValue(PROGRAM_SETTING, program)
            self.button.text = "Stop"
            self.logic.start(
                program,
                mr,
                model=self.model.text or "head",
                deviation=self.deviation.checked,
                force=self.force.checked,
            )

    def told(self, line):
        """Show a line."""
        self.words.appendPlainText(line)

    def ended(self):
        """Be ready for the next."""
        self.button.text = "Make synthetic CT"


class MRToCTLogic(ScriptedLoadableModuleLogic):
    """Saves the MR, calls the program without making Slicer wait, loads what it made."""

    def __init__(self, told=print, ended=lambda: None):
        ScriptedLoadableModuleLogic.__init__(self)
        self.told, self.ended = told, ended
        self.process = None

    @property
    def busy(self):
        """Whether a translation is under way."""
        return self.process is not None

    def start(self, program, mr, *, model="head", deviation=True, force=False):
        """Begin to translate a volume node; told hears lines, ended is called at the end."""
        folder = tempfile.mkdtemp(prefix="mrtoct-", dir=slicer.app.temporaryPath)
        self.job, self.node, self.stderr = Job(program, folder, model, force), mr, ""
        self.wants_deviation = deviation
        if not slicer.util.saveNode(mr, self.job.mr):
            self.told(f"{mr.GetName()} could not be saved.")
            self._end()
            return
        self.process = qt.QProcess()
        # Slicer's own variables would make the other Python look for Slicer's packages.
        environment = qt.QProcessEnvironment()
        for name, value in slicer.util.startupEnvironment().items():
            environment.insert(name, value)
        self.process.setProcessEnvironment(environment)
        self.process.connect("readyReadStandardError()", self.read)
        self.process.connect("finished(int,QProcess::ExitStatus)", self.finished)
        self.told("Translating, for half a minute to a few minutes ...")
        self.process.start(program, self.job.arguments(deviation=deviation))

    def stop(self):
        """End the program; what it has written is thrown away."""
        if self.process is not None:
            self.process.kill()

    def read(self):
        """Pass on what the program says."""
        text = bytes(self.process.readAllStandardError().data()).decode("utf-8", "replace")
        self.stderr += text
        for line in text.splitlines():
            if line.strip():
                self.told(line.strip())

    def finished(self, status, _how=None):
        """Load what was made, or say why nothing was."""
        self.read()
        if status == 0:
            self.load()
        else:
            error = sorted_out(self.stderr).error or f"mrtoct ended with status {status}."
            # In the words of this panel, not of the command line.
            error = error.replace(self.job.mr, self.node.GetName())
            self.told(
                error.replace("pass --force to translate it anyway", "tick Insist to do it anyway")
            )
        self._end()

    def load(self):
        """Load the synthetic CT and its deviation where the MR is, and show them over it."""
        name = self.node.GetName()
        sct = self._loaded(self.job.sct, f"{name} synthetic CT")
        display = sct.GetDisplayNode()
        display.AutoWindowLevelOff()
        display.SetWindowLevel(BONE_WINDOW, BONE_LEVEL)
        for warning in sorted_out(self.stderr).warnings:
            sct.SetAttribute(
                "mrtoct.warnings", f"{sct.GetAttribute('mrtoct.warnings') or ''}{warning}\n"
            )
        if self.wants_deviation:
            deviation = self._loaded(self.job.deviation, f"{name} synthetic CT deviation")
            display = deviation.GetDisplayNode()
            display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeFileViridis.txt")
            display.AutoWindowLevelOff()
            display.SetWindowLevelMinMax(0, MOST_DEVIATION)
        slicer.util.setSliceViewerLayers(
            background=self.node, foreground=sct, foregroundOpacity=0.5
        )

    def _loaded(self, path, name):
        """Load a volume under the same transform as the MR, for the file knows nothing of it."""
        node = slicer.util.loadVolume(path, {"name": name, "show": False})
        node.SetAndObserveTransformNodeID(self.node.GetTransformNodeID())
        return node

    def _end(self):
        shutil.rmtree(self.job.folder, ignore_errors=True)
        self.process = None
        self.ended()
