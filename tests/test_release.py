"""One version everywhere, and every place that waits for an address is named by the checklist."""

import re
from pathlib import Path

import spillover

ROOT = Path(__file__).parents[1]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_one_version():
    declared = re.search(r"^version = (\S+)$", read("setup.cfg"), re.MULTILINE)[1]
    assert re.search(r"^version: (\S+)$", read("CITATION.cff"), re.MULTILINE)[1] == declared
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)[1] == declared
    assert spillover.__version__ == declared


def test_the_checklist_names_every_file_that_waits_for_an_address():
    checklist = read("docs/release.md")
    for name in ("setup.cfg", "CITATION.cff", "SECURITY.md", "CODE_OF_CONDUCT.md", "docs/platforms.md",
                 "docs/site/conf.py", "README.md"):  # fmt: skip
        assert f"`{name}`" in checklist
        assert (ROOT / name).is_file()


def test_the_workflow_tries_the_pythons_that_the_metadata_promise():
    promised = re.findall(r"Programming Language :: Python :: (3\.\d+)", read("setup.cfg"))
    tried = re.findall(r"python: \[(.*)\]", read(".github/workflows/test.yml"))
    assert [re.findall(r"3\.\d+", line) for line in tried] == [promised, promised]
    assert all(version in read("docs/platforms.md") for version in promised)
