"""Tests notice mistakes: ten of them, put into the code one at a time."""

import re
from collections import Counter

import pytest

from . import defects


@pytest.mark.parametrize("defect", defects.DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_fits_the_code(defect):
    """Its old text is there once, what comes of it is Python, and the tests that it names exist."""
    for path, text in defects.patched(defect).items():
        compile(text, str(path), "exec")
    for name in defect.tests:
        file, _, test = name.partition("::")
        text = (defects.ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {test or 'test_'}", text, re.MULTILINE)


def test_a_patch_that_does_not_fit_fails_loudly():
    for old in ("no such text", "w"):
        defect = defects.Defect("stale", (("weights/islands.py", old, "x"),), ())
        with pytest.raises(LookupError, match="not once"):
            defects.patched(defect)


@pytest.mark.slow
def test_every_defect_makes_a_test_fail():
    noticed = {defect.name: failed for defect, failed in defects.tried()}
    assert Counter(noticed.values()) == {True: len(defects.DEFECTS)}, noticed
