"""``method="aqs"`` where outcomes are not observed: against forms by polarisation, and laws."""

from dataclasses import fields, replace

import numpy as np
import pytest

import spatial as sp
import weights as wt
from spatial.design.design import Design
from spatial.design.missing import MissingDesign
from spatial.models.missing import fit_missing
from spatial.solve.missing_aqs import MissingScores
from spillover.errors import SpatialInputError

from ..designs import as_lagged
from ..naive_missing_adjusted import Twin
from .test_missing import KEYS, _Reading, drawn

CASES = [("sdm", "none", 4), ("sar", "twoway", 4), ("sem", "entity", 4), ("sdem", "twoway", 4), ("sac", "entity", 4),
         ("sdm", None, 1), ("sem", None, 1)]  # fmt: skip
SEEDS = {"sdem": 5}  # the seed 4 has no root: 34 rows are left


def panel(T, effects, seed=4, **options):
    frame, w, W, y, seen = drawn(seed=seed, n=14 if T > 1 else 30, T=T, share=0.15)
    keys = {"entity": "id"} if effects is None else {**KEYS, "effects": effects}
    return frame, w, W, np.where(seen, y, 0.0), seen, {"missing": "model", "method": "aqs", **keys, **options}


def twin_of(fit, W, y, seen):
    spec, effects = fit.specification, fit._settings.effects
    own = as_lagged(W, effects.time)
    root = fit._sample.problem.root
    return Twin(y.ravel(), fit._sample.X, seen, own if spec.lag else None, W if spec.error else None, effects.entity,
                effects.time, root)  # fmt: skip


@pytest.mark.parametrize(("model", "effects", "T"), CASES)
def test_the_root_and_its_variance_are_those_of_forms_by_polarisation(model, effects, T):
    frame, w, W, y, seen, keys = panel(T, effects, SEEDS.get(model, 4))
    fit = getattr(sp, model)("y ~ a + b", frame, w, **keys)
    twin, k = twin_of(fit, W, y, seen), len(fit._sample.names)
    psi = fit.params.to_numpy()[k:]
    assert twin.solve(psi + 0.05) == pytest.approx(psi, abs=1e-6)
    V, sigma2 = twin.covariance(psi)
    assert fit.sigma2 == pytest.approx(sigma2, rel=1e-9)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-5, atol=1e-8)
    assert fit.df_resid == (13 if T > 1 else fit._sample.n - k)


@pytest.mark.parametrize(("model", "effects"), [("sdm", "twoway"), ("sac", "entity")])
def test_every_row_has_a_form_without_own_part(model, effects):
    """E s = sum_i C_ii sigma_i^2 is zero for any variances: s(mu + eps) and s(mu - eps) of every unit vector cancel."""
    frame, w, _, _, seen, keys = panel(4, effects, method="ml")
    problem = getattr(sp, model)("y ~ a + b", frame, w, **keys)._sample.problem
    psi = np.array([0.35, 0.25])[: len(problem.W) + len(problem.M)]
    rows, lam = len(problem.y), psi[-1] if problem.M else 0.0
    B = np.eye(rows) - lam * sum((one.toarray() for one in problem.M), np.zeros((rows, rows)))
    mean, units = problem.X @ np.linspace(0.5, 1.0, problem.X.shape[1]), problem.levels.units @ np.ones(14)
    for i in range(0, rows, 5):
        eps = np.linalg.solve(B, np.eye(rows)[i])
        total = 0.0
        for sign in (1, -1):
            outcome = problem.solve(psi[:1], mean + sign * eps) + units
            own = replace(problem, y=np.where(seen.ravel(), outcome, 0.0))
            total = total + MissingScores(own).at(psi).scores
        assert total == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "sac"])
def test_all_observed_is_the_usual_road(model):
    """Of a cross-section: one unknown for each unit is one for each row."""
    frame, w, *_ = drawn(seed=2, n=40, share=0.0)
    usual = getattr(sp, model)("y ~ a + b", frame, w, entity="id", method="aqs")
    d = usual._design
    own = {one.name: getattr(d, one.name) for one in fields(Design)}
    settings = usual._settings.with_(random=None)
    whole = fit_missing(_Reading(usual.specification, MissingDesign(**own, seen=np.ones(d.y.shape, bool)), settings))
    np.testing.assert_allclose(whole.params, usual.params, atol=1e-7)
    np.testing.assert_allclose(whole.vcov, usual.vcov, rtol=1e-5, atol=1e-9)
    assert (whole.sigma2, whole.df_resid) == (pytest.approx(usual.sigma2), usual.df_resid)


def test_a_panel_with_gaps_is_one_where_nobody_looks_at_who_is_absent():
    """Without effects, y of a unit that is nobody's neighbor says nothing of others: its row is as if it were not."""
    frame, _, W, *_ = drawn(seed=6, n=16, T=4, share=0.0)
    W = W.copy()
    W[:, 3] = 0.0
    w = wt.from_dense(W, [f"u{i:02d}" for i in range(16)])
    hidden = (frame["id"] == "u03") & frame["t"].isin([1, 2])
    keys = {**KEYS, "effects": "none", "method": "aqs"}
    model = sp.sar("y ~ a + b", frame.assign(y=frame["y"].mask(hidden)), w, missing="model", **keys)
    gaps = sp.sar("y ~ a + b", frame[~hidden], w, missing="period", **keys)
    np.testing.assert_allclose(model.params, gaps.params, atol=1e-7)
    np.testing.assert_allclose(model.vcov, gaps.vcov, rtol=1e-5, atol=1e-9)


def test_weights_that_vary_but_do_not_are_one_matrix():
    frame, w, *_, keys = panel(4, "time")
    one, each = (sp.sdm("y ~ a + b", frame, own, **keys) for own in (w, wt.temporal(dict.fromkeys(range(4), w))))
    np.testing.assert_allclose(each.params, one.params, atol=1e-8)
    np.testing.assert_allclose(each.vcov, one.vcov, rtol=1e-6, atol=1e-10)


def test_an_offset_is_a_regressor_whose_slope_is_one():
    frame, w, *_, keys = panel(4, "entity")
    shifted = frame.assign(moved=0.3 * frame["a"])
    plain = sp.sar("y ~ a + b", shifted, w, **keys)
    offset = sp.sar("y ~ a + b + offset(moved)", shifted, w, **keys)
    assert offset.params.to_numpy() - plain.params.to_numpy() == pytest.approx([-0.3, 0, 0], abs=1e-7)
    np.testing.assert_allclose(offset.vcov, plain.vcov, rtol=1e-6, atol=1e-10)


def test_what_is_not_there_is_named():
    frame, w, *_, keys = panel(4, "entity")
    frame["half"] = np.where(frame["id"] < "u07", "north", "south")
    cases = [({"w": [w, w]}, "several W"),
             ({"w": w, "regimes": sp.Regimes("half", rho=True)}, "rho or lambda by regime"),
             ({"w": w, "serial": "ar1"}, "serial"), ({"w": w, "vcov": "robust"}, "own covariance"),
             ({"w": w, "effects": "random"}, "random"), ({"w": w, "correction": False}, "correction")]  # fmt: skip
    for options, what in cases:
        with pytest.raises(SpatialInputError, match=rf"E501.*{what}"):
            sp.sar("y ~ a + b", frame, **(keys | options))
    ways = {name: one for name, one in keys.items() if name != "effects"}
    with pytest.raises(SpatialInputError, match=r"E501.*effects of id"):
        sp.sar("y ~ a + b | id + half^t", frame, w, **ways)
    with pytest.raises(SpatialInputError, match=r"E501.*least squares"):
        sp.slx("y ~ a + b", frame, w, **keys)
    with pytest.raises(SpatialInputError, match=r"E540.*aqs"):
        sp.sar("y ~ a + b", frame.assign(size=1.0), w, obs_weights="size", **keys)
    with pytest.raises(SpatialInputError, match="E325"):
        sp.sar("y ~ a + b", frame, w, **keys).resid  # noqa: B018


def test_what_follows_an_estimate():
    frame, w, *_, seen, keys = panel(4, "twoway")
    fit = sp.sdm("y ~ a + b", frame, w, **{**keys, "effects": "none"})
    assert np.isnan(fit.loglik)
    assert "adjusted quasi-scores with a variance for every row" in str(fit.summary())
    rows = fit.effects(method="delta").tidy()
    A = np.linalg.inv(np.eye(14) - fit.params["rho"] * w.csr.toarray())
    S = A @ (fit.params["a"] * np.eye(14) + fit.params["W:a"] * w.csr.toarray())
    direct = rows[(rows["term"] == "a") & (rows["effect"] == "direct")]["estimate"]
    assert direct.item() == pytest.approx(np.trace(S) / 14)
    assert len(fit.predict_missing()) == (~seen).sum()
    assert np.isfinite(fit.predict()).all()
    split = frame.assign(half=np.where(frame["id"] < "u07", "north", "south"))
    regimes = sp.sar("y ~ a + b", split, w, regimes=sp.Regimes("half", terms=["a"]), **{**keys, "effects": "none"})
    columns = [(frame["a"] * (split["half"] == half)).rename(half) for half in ("north", "south")]
    same = sp.sar("y ~ north + south + b", split.join(columns), w, **{**keys, "effects": "none"})
    assert regimes.params["rho"] == pytest.approx(same.params["rho"], abs=1e-8)
