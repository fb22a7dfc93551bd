"""``--regimes COLUMN`` and ``COLUMN:rho,lam,sigma2``."""

import numpy as np
import pandas as pd

import shapefiles
import spatial as sp
import weights as wt

FORMULA = "CRIME ~ INC + HOVAL"
LINE = ("fit", "example:columbus", FORMULA, "--model", "sar", "-w", "queen")


def test_regimes_of_the_shell_are_those_of_the_library(spillover, tmp_path):
    columbus = shapefiles.load("columbus")
    w = wt.queen(columbus).standardize("row")
    options = {"CP": "CP", "CP:rho, sigma2": sp.Regimes("CP", rho=True, sigma2=True)}
    for place, (text, regimes) in enumerate(options.items()):
        target = tmp_path / f"{place}.csv"
        status, out, err = spillover(*LINE, "--regimes", text, "-o", target)
        assert status == 0, err
        assert "CP = 1: INC" in out
        want = sp.sar(FORMULA, columbus, w, regimes=regimes)
        np.testing.assert_allclose(pd.read_csv(target)["estimate"], want.params)


def test_what_cannot_differ_is_refused(spillover):
    status, _, err = spillover(*LINE, "--regimes", "CP:tau")
    assert status == 2
    assert "'rho', 'lam', 'sigma2'" in err
    status, _, err = spillover(*LINE, "--regimes", "CP:lam")
    assert status == 2
    assert "has no lambda" in err
