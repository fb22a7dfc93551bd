"""The command ``spillover`` beside QGIS: where it is, how it is run, what it reports, and how it is stopped."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from qgis.core import QgsProcessingException

SETTING = "SPILLOVER_COMMAND"
ICON = str(Path(__file__).with_name("icon.svg"))
INSTALLED = Path(__file__).with_name("command.json")  # written by ``spillover qgis install``
# QGIS sets these for its own Python, GDAL, PROJ and Qt; another Python that read them would load QGIS's libraries.
SCRUBBED = ("PYTHON", "GDAL_", "PROJ_", "QT_", "OGR_", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_")
PATIENCE = 5  # seconds between asking a cancelled command to end and ending it
HOW = "In a terminal: pip install spillover, then spillover qgis install, and start QGIS again"


def command():
    """The words that start the command: of the settings, as installed, or what the path has.

    Raises
    ------
    QgsProcessingException
        Where there is none, with how to get it.
    """
    from processing.core.ProcessingConfig import ProcessingConfig

    words = []
    if chosen := ProcessingConfig.getSetting(SETTING):
        words = [chosen]
    elif INSTALLED.exists():
        words = json.loads(INSTALLED.read_text(encoding="utf-8"))["command"]
    elif there := shutil.which("spillover"):
        words = [there]
    if not words:
        raise QgsProcessingException(f"The command spillover is not installed. {HOW}.")
    if not shutil.which(words[0]):
        raise QgsProcessingException(f"There is no command {words[0]}. {HOW}; or set it in Settings, Options, "
                                     "Processing, Providers, Spillover.")  # fmt: skip
    return words


def environment():
    """The environment without what QGIS set for itself."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(SCRUBBED)}
    return {**kept, "PYTHONUTF8": "1", "NO_COLOR": "1"}


def run(arguments, feedback, folder):
    """Run the command; its progress goes to the bar, its warnings to the log.

    Parameters
    ----------
    arguments : list of str
    feedback : QgsProcessingFeedback
    folder : str
        Where it runs: an empty one, so that no file of the user's is taken for a module.

    Returns
    -------
    dict
        What ``--json`` prints.

    Raises
    ------
    QgsProcessingException
        With the command's own message and next step; when the user cancels.
    """
    words = [*command(), *arguments, "--json", "--progress", "json"]
    feedback.pushCommandInfo(" ".join(words))
    try:
        child = subprocess.Popen(words, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace", **_apart())
    except OSError as error:
        raise QgsProcessingException(f"{words[0]} cannot be run: {error.strerror}. {HOW}.") from error
    lines: queue.Queue = queue.Queue()
    printed: list[str] = []
    readers = [threading.Thread(target=_read, args=(child.stderr, lines.put), daemon=True),
               threading.Thread(target=_read, args=(child.stdout, printed.append), daemon=True)]  # fmt: skip
    for reader in readers:
        reader.start()
    messages: list[str] = []
    try:
        while child.poll() is None or readers[0].is_alive() or not lines.empty():
            if feedback.isCanceled():
                raise QgsProcessingException("Cancelled; nothing was written.")
            try:
                _report(lines.get(timeout=0.1), feedback, messages)
            except queue.Empty:
                continue
    finally:
        _end(child)
    readers[1].join(PATIENCE)
    if child.returncode:
        raise QgsProcessingException("\n".join(messages).strip() or f"spillover ended with status {child.returncode}")
    for line in messages:
        feedback.pushWarning(line)
    try:
        return json.loads("".join(printed))
    except ValueError as error:
        raise QgsProcessingException(f"spillover's answer cannot be read: {''.join(printed)[:500]}") from error


def _read(stream, take):
    for line in stream:
        take(line)


def _report(line, feedback, messages):
    """A line of stderr: progress as JSON, or words."""
    try:
        step = json.loads(line)
        done, total = step["done"], step["total"]
    except (ValueError, KeyError, TypeError):
        if line.strip():
            messages.append(line.rstrip())
        return
    feedback.setProgress(100 * done / total if total else 0)
    words = " ".join(str(step[key]) for key in ("step", "part") if step.get(key))
    feedback.setProgressText(words)


def _apart():
    """A group of its own, so that the command's own children end with it; on Windows no console."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _end(child):
    """Ask the command to end, then end it."""
    if child.poll() is not None:
        return
    if sys.platform == "win32":
        child.terminate()
    else:
        os.killpg(child.pid, signal.SIGINT)
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill() if sys.platform == "win32" else os.killpg(child.pid, signal.SIGKILL)
        child.wait()
