"""What an editor and a type checker see: lazily loaded names, their arguments, and mistakes in both."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from . import stubs

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGES = ("spillover", "weights", "spatial", "shapefiles")


@pytest.mark.parametrize("package", stubs.PACKAGES)
def test_stubs_are_in_step(package):
    assert stubs.path(package).read_text(encoding="utf8") == stubs.stub(package), "stale: python tests/stubs.py"


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed(package):
    assert (ROOT / package / "py.typed").exists()


def test_a_type_checker_sees_mistakes_and_no_others(tmp_path, request):
    """The packages, README's example and a file of deliberate mistakes, in one run; its cache is pytest's."""
    cache = getattr(request.config, "cache", None)
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    example = tmp_path / "readme_example.py"
    example.write_text(re.search(r"```python\n(.*?)```", readme, re.DOTALL).group(1), encoding="utf8")
    typos = HERE / "editors" / "typos.py"
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-site-packages",  # those take ten times as long
               f"--cache-dir={tmp_path / 'mypy' if cache is None else cache.mkdir('mypy')}",
               *PACKAGES, str(typos), str(example)]  # fmt: skip
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    seen = {(Path(file).name, int(line), code)
            for file, line, code in re.findall(r"^(.*?):(\d+): error: .*\[([\w-]+)\]$", printed, re.MULTILINE)}
    lines = enumerate(typos.read_text(encoding="utf8").splitlines(), 1)
    meant = {(typos.name, number, line.split("# error: ")[1]) for number, line in lines if "# error: " in line}
    assert seen == meant, printed


def test_doors_notice_a_shadow(tmp_path):
    """A script beside a file weights.py of the user's: ours keeps working, and the door says what is wrong."""
    (tmp_path / "weights.py").write_text("x = 1\n")
    script = tmp_path / "script.py"
    script.write_text("import spatial, spillover\nassert spillover.spatial is spatial\ntry:\n    spillover.weights\n"
                      "except ImportError as error:\n    print(error)\n")  # fmt: skip
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True,
                          env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "weights.py") in done.stdout
    assert "rename" in done.stdout
