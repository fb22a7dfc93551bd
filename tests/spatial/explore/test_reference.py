"""R's spdep on columbus: global, local, join counts, residuals. Its numbers are printed to 15 digits."""

import numpy as np
import pandas as pd
import pytest

from spatial.explore.geary import geary, local_geary
from spatial.explore.getis import getis_ord, local_g
from spatial.explore.joincount import join_counts
from spatial.explore.local import local_moran
from spatial.explore.moran import moran
from spatial.explore.variants import moran_residuals
from spillover.matrix import SpatialWeights

CLOSE = {"rtol": 1e-9, "atol": 0}
VARIABLES = ["CRIME", "HOVAL", "INC"]


@pytest.mark.parametrize("style", ["W", "B", "C", "S", "U"])
@pytest.mark.parametrize("variable", VARIABLES)
def test_global_statistics(columbus, variable, style):
    tests = columbus.spdep(f"{variable}_{style}_global")["tests"]
    y, w = columbus.frame[variable], weights_in_style(columbus, style)
    for name, ours in (("moran", moran(y, w, permutations=0)), ("geary", geary(y, w, permutations=0))):
        for assumption in ("randomisation", "normality"):
            theirs = tests[f"{name}_{assumption}_two.sided"]
            variance = ours.variance_rand if assumption == "randomisation" else ours.variance_norm
            p = ours.p_rand if assumption == "randomisation" else ours.p_norm
            np.testing.assert_allclose([ours.estimate, ours.expected, variance], numbers(theirs["estimate"]), **CLOSE)
            np.testing.assert_allclose(p, theirs["p_value"], rtol=1e-8)
    greater = moran(y, w, permutations=0, alternative="greater").p_rand
    np.testing.assert_allclose(greater, tests["moran_randomisation_greater"]["p_value"], rtol=1e-8)
    if style not in "WB":
        return
    ours = getis_ord(y, w, permutations=0)
    theirs = numbers(tests["globalG_B1correct_TRUE"]["estimate"])
    np.testing.assert_allclose([ours.estimate, ours.expected, ours.variance_rand], theirs, **CLOSE)


def weights_in_style(columbus, style):
    """spdep's C, U and S are scalings of B; W and B are files."""
    if style in "WB":
        return columbus.weights(style)
    binary = columbus.weights("B")
    csr, n, links = binary.csr.copy(), binary.n, binary.csr.sum()
    if style == "S":
        rows = 1 / np.sqrt(np.asarray(csr.sum(axis=1)).ravel())
        csr.data *= np.repeat(rows, np.diff(csr.indptr))
        csr.data *= n / csr.sum()
    else:
        csr.data *= (n if style == "C" else 1) / links
    return SpatialWeights(csr, binary.ids)


@pytest.mark.parametrize("style", ["W", "B"])
@pytest.mark.parametrize("variable", ["CRIME", "INC"])
def test_local_statistics(columbus, variable, style):
    theirs = columbus.spdep(f"{variable}_{style}_local")["estimates"]
    y, w = columbus.frame[variable], columbus.weights(style)
    ours, r = local_moran(y, w, permutations=0).frame, theirs["localmoran_conditional"]
    for column, name in (("I", "Ii"), ("expected", "E_Ii"), ("z", "Z_Ii"), ("p_norm", "p_two_sided")):
        np.testing.assert_allclose(ours[column], r[name], **CLOSE)
    np.testing.assert_allclose(ours["sd"] ** 2, r["Var_Ii"], **CLOSE)
    np.testing.assert_allclose(local_geary(y, w, permutations=0).frame["C"], theirs["localC"], **CLOSE)
    for star, name in ((False, "localG_internals"), (True, "localGstar_internals")):
        ours, r = local_g(y, w, star=star, permutations=0).frame, list(theirs[name].values())
        np.testing.assert_allclose(ours[["G", "expected"]].to_numpy().T, r[:2], **CLOSE)
        np.testing.assert_allclose(ours["sd"] ** 2, r[2], **CLOSE)
        np.testing.assert_allclose(ours["z"], r[3], **CLOSE)


@pytest.mark.parametrize("style", ["W", "B"])
def test_join_counts(columbus, style):
    theirs = columbus.spdep(f"HICRIME_{style}_joincount")["estimates"]["multi"]["values"][:3]
    label = pd.cut(columbus.frame["CRIME"], [0, 35, 80], labels=["low", "high"])
    ours = join_counts(label, columbus.weights(style), permutations=0).frame.set_index("joins")
    ours = ours.loc[["low:low", "high:high", "different"]]
    ours["variance"] = ours["sd"] ** 2
    np.testing.assert_allclose(ours[["count", "expected", "variance", "z"]], theirs, **CLOSE)


@pytest.mark.parametrize("style", ["W", "B"])
def test_residuals(columbus, style):
    theirs = columbus.spdep(f"{style}_lmtests")["tests"]["lm_moran"]
    X = columbus.frame[["INC", "HOVAL"]].assign(constant=1.0)
    y = columbus.frame["CRIME"]
    e = y - X @ np.linalg.lstsq(X.to_numpy(), y.to_numpy(), rcond=None)[0]
    shuffled = e.sample(frac=1, random_state=1)
    ours = moran_residuals(shuffled, X.iloc[::-1], columbus.weights(style))
    np.testing.assert_allclose([ours.estimate, ours.expected, ours.variance], numbers(theirs["estimate"]), **CLOSE)
    np.testing.assert_allclose(ours.p_value, theirs["p_value"], rtol=1e-8)


def numbers(estimate):
    return list(estimate.values())
