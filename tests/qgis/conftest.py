"""A Python that has QGIS: QGIS's own, not ours."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CANDIDATES = [os.environ.get("SPILLOVER_QGIS_PYTHON"), "/usr/bin/python3"]


@pytest.fixture(scope="session")
def qgis_python():
    """The path of a Python that imports ``qgis.core``."""
    for path in filter(None, CANDIDATES):
        if shutil.which(path) and not subprocess.run([path, "-c", "import qgis.core"], capture_output=True).returncode:
            return path
    pytest.skip("needs QGIS's Python: apt-get install qgis python3-qgis, or SPILLOVER_QGIS_PYTHON=...")


@pytest.fixture(scope="session")
def in_qgis(qgis_python, tmp_path_factory):
    """Run a script of the folder "inside" in QGIS, without a screen; what it prints after "JSON:" is returned."""
    profile = tmp_path_factory.mktemp("profile")

    def run(script, *args, **settings):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GDAL_", "PROJ_", "QT_"))}
        settings = {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(profile), "HOME": str(profile), **settings}
        command = [qgis_python, str(HERE / "inside" / script), *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, env=clean | settings, timeout=300)
        lines = [line for line in done.stdout.splitlines() if line.startswith("JSON:")]
        assert lines, f"{script} printed no answer:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return json.loads(lines[-1].removeprefix("JSON:"))

    return run
