"""Effects that a spatial error's weights carry along: twins with the dummies, numerical derivatives, laws."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag

import spatial as sp
from spatial.covariance import pairs, score_forms
from spatial.covariance.groups import group_codes
from spatial.covariance.leverage import CR3, adjusted_residuals
from spatial.covariance.pairs import pairs_meat
from spatial.covariance.scores import scores
from spatial.design import carried
from spatial.design.arrays import keeps_effects
from spatial.effects.prediction import column_of
from spatial.models.reading import prepare, read
from spatial.solve import carried_effects, score_mean
from spatial.solve.ml import maximum_likelihood

from .. import naive_pairs
from ..designs import of_deviations
from .test_estimators import PANEL, panel_data
from .test_time_varying import moving_panel
from .test_unbalanced import GAPS, with_gaps

MODELS = {name: getattr(sp, name) for name in ("sem", "sdem", "sac", "gns")}


def spectral(W):
    """Symmetric contiguity over its largest eigenvalue: rows of unequal sums."""
    A = ((W + W.T) > 0).astype(float)
    return A / np.abs(np.linalg.eigvalsh(A)).max()


def case(kind, N=16, seed=3):
    """Data, weights and keywords."""
    if kind == "moving":
        data, w = moving_panel(seed, N=N)
        return data, w, PANEL
    full, W = panel_data(seed, N=N)
    if "gaps" in kind:
        return with_gaps(full, seed), spectral(W) if "spectral" in kind else W, GAPS
    return full, spectral(W), PANEL


class Twin:
    """The likelihood from m x m matrices and the dummies themselves."""

    def __init__(self, fit):
        d, effects = fit._design, fit._settings.effects
        T, N = d.y.shape
        there = np.ones((T, N), dtype=bool) if d.observed is None else d.observed
        Ws, Ms = ([m.csr.toarray()[np.ix_(at, at)] for m, at in zip(w.each(T), there)]
                  for w in (d.weights, d.weights_of_error))  # fmt: skip
        if effects.time and not d.weights.rows_sum_to_one:
            Ws = [of_deviations(W) for W in Ws]
        self.W, self.M = block_diag(*Ws), block_diag(*Ms)
        t, i = np.nonzero(there)
        columns = [np.eye(N)[i]] * effects.entity + [np.eye(T)[t]] * effects.time
        D = np.hstack([way.columns.toarray() for way in effects.ways.ways] if effects.ways else columns)
        U, size, _ = np.linalg.svd(D, full_matrices=False)
        self.U = U[:, size > 1e-9]
        self.y = d.y[there]
        self.X = np.column_stack([column_of(d, name, effects)[there] for name in fit._sample.names[: fit._sample.k]])
        self.Wy = self.W @ self.y
        self.corrected, m = fit._settings.correction is not False, len(self.y)
        self.n = m - self.U.shape[1] if self.corrected else m
        self.lag, self.I = fit.specification.lag, np.eye(m)

    def filters(self, rho, lam):
        return self.I - rho * self.W, self.I - lam * self.M

    def residuals(self, rho, lam, beta=None):
        B = self.filters(rho, lam)[1]
        Z, z = (B @ np.hstack([self.U, self.X]), B @ (self.y - rho * self.Wy)) if beta is None else (
            B @ self.U, B @ (self.y - rho * self.Wy - self.X @ beta))  # fmt: skip
        return z - Z @ np.linalg.lstsq(Z, z, rcond=None)[0]

    def loglik(self, rho, lam, beta=None):
        """Without what makes the score of rho right."""
        A, B = self.filters(rho, lam)
        e, BU = self.residuals(rho, lam, beta), B @ self.U
        value = -self.n / 2 * (np.log(2 * np.pi * e @ e / self.n) + 1) + np.linalg.slogdet(B)[1]
        if self.corrected:
            return value - np.linalg.slogdet(BU.T @ BU)[1] / 2
        return value + np.linalg.slogdet(A)[1]

    def slope(self, rho, lam):
        """-tr[(I - P) B G B^-1], P the projection on B D."""
        A, B = self.filters(rho, lam)
        BU = B @ self.U
        P = BU @ np.linalg.solve(BU.T @ BU, BU.T)
        return -np.trace((self.I - P) @ B @ self.W @ np.linalg.inv(A) @ np.linalg.inv(B))


@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize(("kind", "effects"), [
    ("spectral", "twoway"), ("spectral", "time"), ("gaps", "twoway"), ("gaps", "time"), ("gaps", "entity"),
    ("spectral gaps", "twoway"), ("moving", "twoway"), ("moving", "entity"),
])  # fmt: skip
@pytest.mark.parametrize("model", ["sem", "sac", "gns"])
def test_scores_have_the_mean_that_the_dummies_say(model, kind, effects, correction):
    data, w, keys = case(kind)
    fit = MODELS[model]("y ~ a + b", data, w, **keys, effects=effects, correction=correction)
    twin, (rho, lam), h = Twin(fit), (fit.rho if model != "sem" else 0.0, fit.lam), 1e-5
    by_lambda = (twin.loglik(rho, lam + h) - twin.loglik(rho, lam - h)) / (2 * h)
    assert by_lambda == pytest.approx(0, abs=1e-5)
    level = twin.loglik(rho, lam)
    if twin.lag:
        by_rho = (twin.loglik(rho + h, lam) - twin.loglik(rho - h, lam)) / (2 * h)
        assert by_rho + correction * twin.slope(rho, lam) == pytest.approx(0, abs=1e-5)
        nodes, weights = np.polynomial.legendre.leggauss(24)
        means = [twin.slope(r, lam) for r in rho / 2 * (nodes + 1)]
        level += correction * rho / 2 * (weights @ means)
    assert fit.loglik == pytest.approx(level, abs=2e-3 if abs(rho) > 0.6 else 1e-5)
    e = twin.residuals(rho, lam)
    np.testing.assert_allclose(fit._solution.resid, e, atol=1e-7)
    assert fit.sigma2 == pytest.approx(e @ e / twin.n)


@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize(("model", "kind"), [("sem", "spectral"), ("sac", "spectral"), ("sac", "gaps"),
                                             ("gns", "spectral gaps"), ("sdem", "spectral")])  # fmt: skip
def test_information_and_scores_are_those_of_the_likelihood(model, kind, correction):
    data, w, keys = case(kind)
    fit = MODELS[model]("y ~ a + b", data, w, **keys, correction=correction)
    twin, p, k = Twin(fit), len(fit.params), fit._sample.k

    def f(theta):
        rho = theta[k] if twin.lag else 0.0
        adjusted = float(fit._sample.lag.value(rho)) if twin.lag and correction else 0.0
        return twin.loglik(rho, theta[-1], theta[:k]) + adjusted

    at, step = fit.params.to_numpy(), 1e-4 * np.eye(p)
    H = np.array([[f(at + a + b) - f(at + a - b) - f(at - a + b) + f(at - a - b) for a in step] for b in step]) / 4e-8
    factor = twin.n / (twin.n - p) if correction else 1.0
    np.testing.assert_allclose(fit.vcov, factor * np.linalg.inv(-H), rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(scores(fit._sample, fit._solution).sum(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("effects", ["time", "twoway"])
@pytest.mark.parametrize("model", MODELS)
def test_where_rows_sum_to_one_it_is_the_transformation_of_lee_and_yu(model, effects):
    data, W = panel_data(5, N=20)
    reading = prepare(*_read(model, data, W, effects))
    d, s = reading.design, reading.settings
    _, at = carried_effects.maximum_with_carried_effects(reading.specification, d, s.effects, True, None)
    usual = maximum_likelihood(carried_effects.demeaned_sample(reading.specification, d, s.effects, True))
    np.testing.assert_allclose(at.beta, usual.beta, atol=1e-6)
    np.testing.assert_allclose([at.rho, at.lam], [usual.rho, usual.lam], atol=1e-7)
    assert at.loglik == pytest.approx(usual.loglik, abs=1e-6)
    assert at.sigma2 == pytest.approx(usual.sigma2)


def _read(model, data, W, effects):
    from spatial.design.options import ModelOptions
    from spatial.models import gns, sac, sdem, sem

    specification = {"sem": sem.SEM, "sdem": sdem.SDEM, "sac": sac.SAC, "gns": gns.GNS}[model]
    options = ModelOptions(**PANEL, effects=effects)
    return specification, read("y ~ a + b", data, W, options), options


@pytest.mark.parametrize("kind", ["gaps", "spectral gaps", "moving"])
def test_sparse_factors_and_random_signs_agree_with_dense_matrices(kind, monkeypatch):
    data, w, keys = case(kind, N=30)
    dense = sp.sac("y ~ a + b", data, w, **keys)
    for module in (carried, score_mean, carried_effects):
        monkeypatch.setattr(module, "DENSE_MAX", 0)
    sparse = sp.sac("y ~ a + b", data, w, **keys)
    errors = dense.std_errors
    assert (abs(sparse.params - dense.params) < 0.03 * errors).all()  # 24 vectors of signs
    np.testing.assert_allclose(sparse.std_errors, errors, rtol=0.02)
    without = [sp.sac("y ~ a + b", data, w, **keys, correction=False)]
    monkeypatch.undo()
    without.append(sp.sac("y ~ a + b", data, w, **keys, correction=False))
    np.testing.assert_allclose(without[0].params, without[1].params, atol=1e-8)


@pytest.mark.parametrize("effects", ["entity", "twoway"])
@pytest.mark.parametrize("kind", ["gaps", "moving"])
def test_many_effects_of_an_error_leave_as_the_dummies_of_a_few_do(kind, effects, monkeypatch):
    data, w, keys = case(kind, N=30)
    few = sp.sdem("y ~ a + b", data, w, **keys, effects=effects)
    assert few._sample.dummies
    monkeypatch.setattr(carried, "DUMMIES_MAX", 0)
    many = sp.sdem("y ~ a + b", data, w, **keys, effects=effects)
    assert not many._sample.dummies
    np.testing.assert_allclose(many.params, few.params, atol=1e-7)
    assert many.loglik == pytest.approx(few.loglik, abs=1e-7)
    for vcov in ("oim", "robust", "cluster", sp.Cluster("t"), sp.Robust(pairs=False)):
        np.testing.assert_allclose(many.with_vcov(vcov).vcov, few.with_vcov(vcov).vcov, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("by", ["entity", "region", "t"])
@pytest.mark.parametrize(("model", "kind", "effects"), [
    ("sem", "spectral", "twoway"), ("sac", "spectral", "twoway"), ("sac", "spectral", "time"),
    ("sac", "gaps", "entity"), ("sac", "gaps", "twoway"), ("gns", "spectral gaps", "twoway"),
    ("sdem", "moving", "twoway"), ("sem", "gaps", "entity"), ("sac", "moving", "twoway"),
])  # fmt: skip
def test_variances_by_group_are_the_double_loop_with_the_effects_in_the_hat_matrix(model, kind, effects, by):
    """M off [B D, B X] in its blocks, B D off both sides of every quadratic form."""
    data, w, keys = case(kind)
    data["region"] = data["id"].map({unit: j % 4 for j, unit in enumerate(sorted(data["id"].unique()))})
    fit = MODELS[model]("y ~ a + b", data, w, **keys, effects=effects)
    assert keeps_effects(fit._sample)
    codes, _ = group_codes(fit._design, by)
    e = naive_pairs.adjusted_residuals(fit, codes, CR3)  # fewer than 20 groups
    np.testing.assert_allclose(adjusted_residuals(fit, codes, CR3), e, rtol=1e-6, atol=1e-8)
    want = naive_pairs.pairs_meat(fit, codes, e)
    size = np.sqrt(np.diag(want))
    np.testing.assert_allclose(pairs_meat(fit, codes, e) / np.outer(size, size), want / np.outer(size, size), atol=1e-7)


def test_random_signs_estimate_pairs_of_many_units_with_the_effects_projected_off(monkeypatch):
    data, w, keys = case("spectral", N=120)
    fit = sp.sac("y ~ a + b", data, w, **keys)
    exact = fit.with_vcov("robust").std_errors
    monkeypatch.setattr(score_forms, "DENSE_UNITS", 50)
    monkeypatch.setattr(pairs, "EXACT_GROUPS", 50)
    monkeypatch.setattr(score_forms, "PROBES", 400)
    monkeypatch.setattr(pairs, "PROBES", 400)
    np.testing.assert_allclose(fit.with_vcov("robust").std_errors, exact, rtol=0.02)


def test_factorised_determinants_give_what_eigenvalues_give():
    data, W = panel_data(8, N=60)
    w = spectral(W)
    for model in (sp.sem, sp.sac):
        a, b = (model("y ~ a + b", data, w, **PANEL, logdet=logdet) for logdet in ("eigen", "sparse"))
        assert (abs(a.params - b.params) < 1e-3 * a.std_errors).all()
        np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_rows_and_shifts_of_y_change_nothing(model):
    data, w, keys = case("spectral")
    a = MODELS[model]("y ~ a + b", data, w, **keys)
    moved = data.sample(frac=1, random_state=1).assign(y=lambda rows: rows["y"] + 1e4)
    b = MODELS[model]("y ~ a + b", moved, w, **keys)
    np.testing.assert_allclose(b.params, a.params, atol=1e-6)
    np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-5)


@pytest.mark.parametrize("kind", ["spectral", "spectral gaps"])
@pytest.mark.parametrize("effects", ["time", "twoway"])
def test_a_path_that_all_units_share_changes_nothing(kind, effects):
    data, w, keys = case(kind)
    a = sp.sac("y ~ a + b", data, w, **keys, effects=effects)
    b = sp.sac("y ~ a + b", data.assign(y=data["y"] + 30 * data["t"] ** 1.5), w, **keys, effects=effects)
    assert "W:Intercept" not in a.params.index
    np.testing.assert_allclose(b.params, a.params, atol=1e-6)
    np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["spectral", "gaps"])
def test_what_follows_a_fit(kind):
    data, w, keys = case(kind, N=24)
    sem, sac = (model("y ~ a + b", data, w, **keys) for model in (sp.sem, sp.sac))
    np.testing.assert_allclose(sac.predict(), sac.fitted, atol=1e-10)
    assert np.isfinite(sac.predict(kind="trend")).all()
    p = len(sac.params)
    assert sp.lr_test(sem, sac).statistic == pytest.approx(2 * (sac.loglik - sem.loglik) * (1 - p / sac._sample.n))
    text = sac.summary()
    assert "Lee-Yu correction: by the mean of the score" in text
    assert "none (the likelihood with dummies)" in sp.sac("y ~ a + b", data, w, **keys, correction=False).summary()
    effects = sac.effects().tidy().set_index(["term", "effect"])["estimate"]
    assert effects["a", "direct"] + effects["a", "indirect"] == pytest.approx(effects["a", "total"])
    for vcov in ("robust", "cluster", "driscoll_kraay", *["jackknife"] * (kind == "spectral")):
        assert np.isfinite(sac.with_vcov(vcov).std_errors).all()
    for vcov, code in (("eim", "E501"), ("bootstrap", "E501" if kind == "spectral" else "E109")):
        with pytest.raises(sp.SpatialInputError, match=code):
            sac.with_vcov(vcov)


def test_the_trend_holds_the_effects_by_generalised_least_squares():
    """y = A^-1 (trend + B^-1 e), e = B (y - rho W J y - X beta - D a); the trend holds W of period means."""
    data, w, keys = case("spectral gaps", N=24)
    fit = sp.sac("y ~ a + b", data, w, **keys)
    twin, d = Twin(fit), fit._design
    B = twin.filters(fit.rho, fit.lam)[1]
    beta, BU = fit.params.drop(["rho", "lambda"]).to_numpy(), B @ twin.U
    u = twin.y - fit.rho * twin.Wy - twin.X @ beta
    left = u - twin.U @ np.linalg.lstsq(BU, B @ u, rcond=None)[0]
    literal = block_diag(*[W.csr.toarray()[np.ix_(at, at)] for W, at in zip(d.weights.each(len(d.y)), d.observed)])
    trend = pd.Series(d.labelled(d.panel(twin.y - fit.rho * literal @ twin.y - left), "trend"))
    np.testing.assert_allclose(fit.predict(kind="trend"), trend, atol=1e-6)


def test_refit_goes_one_by_one():
    data, w, keys = case("spectral")
    fit = sp.sac("y ~ a + b", data, w, **keys)
    other = data.assign(y=data["y"] * 2 + data["a"])
    y = np.stack([fit._design.y, other.sort_values(["t", "id"])["y"].to_numpy().reshape(fit._design.y.shape)])
    again = sp.refit(fit, y=y)
    np.testing.assert_allclose(again.params[0], fit.params, atol=1e-9)
    np.testing.assert_allclose(again.params[1], sp.sac("y ~ a + b", other, w, **keys).params, atol=1e-9)


@pytest.mark.parametrize(("act", "code", "message"), [
    (lambda d, w: sp.sac("y ~ a", d, w, **PANEL, correction="additive"), "E501", "for a spatial lag alone"),
])  # fmt: skip
def test_what_is_refused_says_so(act, code, message):
    data, w, _ = case("spectral")
    with pytest.raises(sp.SpatialInputError, match=message) as caught:
        act(data, w)
    assert caught.value.code == code


def test_a_fit_whose_effects_leave_by_demeaning_says_which_w_do_not_suit_it():
    data, w, _ = case("spectral")
    failed = sp.refit(sp.sem("y ~ a", data, rows(w), **PANEL), w=[w, rows(w)]).failed
    assert list(failed) == [0]
    assert failed[0].startswith("E526: these weights carry the effects along")


def rows(w):
    return w.div(w.sum(axis=1), axis=0)


def test_many_w_are_compared_by_what_each_of_them_needs():
    data, w, keys = case("spectral")
    named = {"spectral": w, "rows": rows(w), "again": w, "more": rows(w)}
    table = sp.compare_weights(named, model=sp.sem, formula="y ~ a + b", data=data, **keys).glance()
    for weights, value in zip(table["weights"], table["loglik"]):
        assert value == pytest.approx(sp.sem("y ~ a + b", data, named[weights], **keys).loglik, abs=1e-6)
