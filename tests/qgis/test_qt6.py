"""The plugin's modules hold under PyQt6, where it is installed (``pip install PyQt6``); see ``inside/qt6.py``."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [pytest.mark.qgis, pytest.mark.skipif(find_spec("PyQt6") is None, reason="needs PyQt6")]


def test_modules_icons_and_parameters_hold_under_qt6():
    script = Path(__file__).parent / "inside" / "qt6.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["Qt"].startswith("6.")
    assert result["algorithms"] == 10
