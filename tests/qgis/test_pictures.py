"""The pictures of the docs, drawn by the whole QGIS under Xvfb; with SPILLOVER_PICTURES=1 they are put in place."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import shapefiles
from spillover.cli.qgis_profile import Profile

pytestmark = pytest.mark.qgis
ROOT = Path(__file__).parents[2]
NAMES = ("qgis_dialog.png", "qgis_map.png")


@pytest.mark.skipif(not (shutil.which("xvfb-run") and shutil.which("qgis")), reason="needs qgis and xvfb")
def test_the_dialog_and_the_map(tmp_path):
    from matplotlib.image import imread

    states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    one = panel[panel["year"] == 1986].set_index("state")[["gsp", "pcap", "emp", "unemp"]]
    states.join(one).reset_index().to_file(tmp_path / "states.gpkg", layer="states")
    profile = Profile(tmp_path / "profiles" / "default")
    profile.install()
    command = tmp_path / "spillover"
    command.write_text(f'#!/bin/sh\nexec env PYTHONPATH="{ROOT}" "{sys.executable}" -m spillover "$@"\n')
    command.chmod(0o755)
    (profile.plugin / "command.json").write_text(json.dumps({"command": [str(command)]}))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GDAL_", "PROJ_", "QT_"))}
    places = {"PICTURES": tmp_path, "MAP": tmp_path / "states.gpkg", "HOME": tmp_path, "XDG_RUNTIME_DIR": tmp_path}
    subprocess.run(["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", "qgis", "--nologo", "--noversioncheck",
                    "--profiles-path", tmp_path, "--code", ROOT / "tests" / "qgis" / "inside" / "pictures.py"],
                   env=clean | {k: str(v) for k, v in places.items()}, timeout=240, check=True,
                   capture_output=True)  # fmt: skip
    image = (imread(tmp_path / "qgis_map.png")[..., :3] * 255).round().astype(int)
    for color in ((255, 0, 0), (0, 0, 255)):  # clusters of high and of low values
        assert (np.abs(image - color).sum(axis=2) == 0).sum() > 1000
    assert imread(tmp_path / "qgis_dialog.png").shape[0] > 500
    if os.environ.get("SPILLOVER_PICTURES"):
        for name in NAMES:
            shutil.copy(tmp_path / name, ROOT / "docs" / "images" / name)
