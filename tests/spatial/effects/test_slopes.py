"""Slopes, contrasts and average predictions against derivatives and differences of the dense model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data
from .test_effects_by import with_moderators


def positive(data):
    """``a`` above zero, so that its logarithm is there."""
    return data.assign(a=np.exp(data["a"] / 3))


def panel(seed, N=9, T=3, rho=0.3):
    """Without effects in y, so that every choice of effects has an inner maximum."""
    data, W = panel_data(seed, N=N, T=T, rho=rho)
    rng = np.random.default_rng(seed)
    data = positive(with_moderators(data)).assign(kind=np.resize(["x", "y", "z", "y"], N * T))
    right = (2 * np.log(data["a"]) - data["b"] + rng.standard_normal(len(data))).to_numpy().reshape(T, N)
    return data.assign(y=np.linalg.solve(np.eye(N) - rho * W.to_numpy(), right.T).T.ravel()), W


TERMS = {
    **{name: lambda f, name=name: f[name] for name in ("a", "b", "m")},
    "log(a)": lambda f: np.log(f["a"]), "I(a ** 2)": lambda f: f["a"] ** 2, "a:m": lambda f: f["a"] * f["m"],
    **{f"C(region)[T.{r}]": lambda f, r=r: (f["region"] == r).astype(float) for r in ("中部", "西:部", "东部")},
    **{f"a:C(region)[{mark}{r}]": lambda f, r=r: f["a"] * (f["region"] == r)
       for r in ("中部", "西:部", "东部") for mark in ("", "T.")},
}  # fmt: skip


def expected(fit, frame, W):
    """A^-1 (X beta + W X theta) of every period, stacked, without fixed effects; terms by hand."""
    out = []
    for _, now in frame.groupby("t", sort=True):
        now = now.set_index("id").loc[W.index]
        right = 0.0
        for name, value in fit.params.drop(["rho", "lambda", "Intercept"], errors="ignore").items():
            column = TERMS[name.removeprefix("W:")](now).to_numpy(dtype=float)
            right = right + value * (W.to_numpy() @ column if name.startswith("W:") else column)
        right = right + fit.params.get("Intercept", 0.0)
        out.append(np.linalg.solve(np.eye(len(W)) - fit.params.get("rho", 0.0) * W.to_numpy(), right))
    return np.array(out)


def emitted(fit, frame, W, raised, members):
    """Direct and total effects averaged over (period, unit) pairs whose ``a`` alone is replaced by ``raised``."""
    before = expected(fit, frame, W)
    periods, units = sorted(frame["t"].unique()), list(W.index)
    own, everyone = [], []
    for period, unit in members:
        here = (frame["t"] == period) & (frame["id"] == unit)
        gain = expected(fit, raised(frame, here), W) - before
        own.append(gain[periods.index(period), units.index(unit)])
        everyone.append(gain.sum())
    return np.mean(own), np.mean(everyone)


@pytest.mark.parametrize(("model", "formula"), [
    ("sdm", "y ~ log(a) + I(a**2) + b"), ("sar", "y ~ a + a:m + m + b"), ("slx", "y ~ a + I(a**2) + a:m + m"),
    ("sem", "y ~ log(a) + b"), ("sdem", "y ~ a + I(a**2)"), ("sac", "y ~ a + a:C(region) + b"),
])  # fmt: skip
@pytest.mark.parametrize("row", [True, False])
def test_slopes_are_derivatives_of_the_dense_model(model, formula, row):
    data, W = panel_data(4, N=9, T=3, rho=0.3)
    W = W if row else W * 0.8 * np.linspace(0.5, 1, 9)[:, None]
    data = positive(with_moderators(data))
    fit = getattr(sp, model)(formula, data.sample(frac=1, random_state=1), W, **PANEL, effects="entity")
    slope, step = sp.slopes(fit, "a", by="region"), 1e-6
    for group, rows in data.groupby("region"):
        members = list(zip(rows["t"], rows["id"]))
        k = slope.labels.index(group)
        ends = [emitted(fit, data, W, lambda f, here, s=s: f.assign(a=f["a"] + s * step * here), members)
                for s in (1, -1)]  # fmt: skip
        direct, total = ((ahead - behind) / (2 * step) for ahead, behind in zip(*ends))
        assert slope.direct.iloc[k] == pytest.approx(direct, rel=1e-6, abs=1e-8)
        assert slope.total.iloc[k] == pytest.approx(total, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("model", ["sdm", "slx", "sar"])
def test_contrasts_are_differences_of_the_dense_model(model):
    data, W = panel(7, N=10, T=5)
    fit = getattr(sp, model)("y ~ log(a) + I(a**2) + a:C(region) + b", data, W, **PANEL, effects="time")
    members = list(zip(data["t"], data["id"]))
    got = sp.contrasts(fit, "a", [0.5, 1.5, 2])
    assert got.labels == ("1.5 - 0.5", "2 - 0.5")
    low = emitted(fit, data, W, lambda f, here: f.assign(a=f["a"].where(~here, 0.5)), members)
    for k, to in enumerate((1.5, 2.0)):
        high = emitted(fit, data, W, lambda f, here, to=to: f.assign(a=f["a"].where(~here, to)), members)
        assert got.direct.iloc[k] == pytest.approx(high[0] - low[0], rel=1e-9)
        assert got.total.iloc[k] == pytest.approx(high[1] - low[1], rel=1e-9)
    more = emitted(fit, data, W, lambda f, here: f.assign(a=f["a"] + 0.25 * here), members)
    raised = sp.contrasts(fit, "a", 0.25)
    assert raised.labels == ("+0.25",)
    assert (raised.direct.iloc[0], raised.total.iloc[0]) == pytest.approx(more, rel=1e-9)


def test_contrasts_of_categories():
    """Levels against the base are the effects of their dummies; at fixed values of what they interact with."""
    data, W = panel(14, N=10, T=5)
    fit = sp.sdm("y ~ a + C(kind) + b", data, W, **PANEL, effects="time")
    got, effects = sp.contrasts(fit, "kind"), fit.effects()
    assert got.labels == ("y - x", "z - x")
    for k, name in enumerate(("C(kind)[T.y]", "C(kind)[T.z]")):
        for field in ("direct", "indirect", "total"):
            assert getattr(got, field).iloc[k] == pytest.approx(getattr(effects, field)[name], rel=1e-9)
    both = sp.sar("y ~ a + C(kind) + a:C(kind)", data, W, **PANEL, effects="time")
    at = sp.contrasts(both, "kind", ["x", "z"], at={"a": [0, 2]})
    assert at.labels == ("z - x, a = 0", "z - x, a = 2")
    share = both.effects().direct["C(kind)[T.z]"] / both.params["C(kind)[T.z]"]
    slope = both.params["C(kind)[T.z]"] + 2 * both.params["a:C(kind)[T.z]"]
    assert at.direct.tolist() == pytest.approx([share * both.params["C(kind)[T.z]"], share * slope], rel=1e-8)


@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sdm", "sem", "gns"])
def test_of_a_linear_term_they_are_its_effects(model):
    """y ~ a + b: slope, contrast of one unit and effects are one thing, with one distribution."""
    data, W = cross_section(2)
    fit = getattr(sp, model)("y ~ a + b", data, W)
    slope, contrast = sp.slopes(fit, "a").tidy(), sp.contrasts(fit, "a").tidy()
    if model == "ols":
        whole = fit.tidy().set_index("term").loc[["a"]]
        slope, contrast = (table[table["effect"] == "direct"] for table in (slope, contrast))
    else:
        whole = fit.effects().tidy()  # by ratios of likelihoods where rows are few, and so are the others
        whole = whole[whole["term"] == "a"]
    for name in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        np.testing.assert_allclose(slope[name], whole[name], rtol=2e-4, atol=2e-4)
        np.testing.assert_allclose(contrast[name], whole[name], rtol=2e-4, atol=2e-4)


def test_least_squares_has_the_delta_method():
    """Without space: d = b1 + 2 b2 mean(x) with variance g'V g, t(n - k); elasticities of levels at the mean of y."""
    data, W = cross_section(3)
    data = data.assign(a=data["a"] + 5, y=data["y"] + 30)
    fit = sp.ols("y ~ a + I(a**2) + b", data, W)
    tidy = sp.slopes(fit, "a").tidy()
    g = np.array([0, 1, 2 * data["a"].mean(), 0])
    order = ["Intercept", "a", "I(a ** 2)", "b"]
    V = fit.vcov.loc[order, order].to_numpy()
    assert tidy["estimate"].iloc[0] == pytest.approx(g @ fit.params[order], rel=1e-9)
    assert tidy["std_error"].iloc[0] == pytest.approx(np.sqrt(g @ V @ g), rel=1e-8)
    x, y = data["a"], data["y"]
    own = fit.params["a"] + 2 * fit.params["I(a ** 2)"] * x
    for kind, value in {"dydx": own.mean(), "eyex": (own * x).mean() / y.mean(), "eydx": own.mean() / y.mean(),
                        "dyex": (own * x).mean()}.items():  # fmt: skip
        assert sp.slopes(fit, "a", kind=kind).direct.iloc[0] == pytest.approx(value, rel=1e-8)
    at = sp.slopes(fit, "a", at="mean").direct
    assert at.index.tolist() == ["at means"]
    assert at.iloc[0] == pytest.approx(fit.params["a"] + 2 * fit.params["I(a ** 2)"] * x.mean(), rel=1e-9)


@pytest.mark.parametrize("formula", ["y ~ poly(a, 2) + b", "y ~ scale(a) + center(b)",
                                     "y ~ center(a) + I(center(a)**2)"])  # fmt: skip
def test_terms_of_the_sample_keep_their_means(formula):
    """poly() and scale() of the estimation sample: the slope is that of the same model in plain terms."""
    data, W = cross_section(5)
    data = data.assign(a=data["a"] + 3)
    plain = "y ~ a + b" if "scale" in formula else "y ~ a + I(a**2)" + " + b" * ("poly" in formula)
    one, other = (sp.sar(f, data, W) for f in (formula, plain))
    for at in (None, {"a": [1, 4]}):
        np.testing.assert_allclose(sp.slopes(one, "a", at=at).estimates, sp.slopes(other, "a", at=at).estimates,
                                   rtol=1e-5)  # fmt: skip


@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sdm", "sem", "sac"])
@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
def test_predictions_are_those_of_the_dense_model(model, effects):
    data, W = panel(9, N=8, T=4)
    fit = getattr(sp, model)("y ~ log(a) + b + I(a**2)", data, W, **PANEL, effects=effects)
    A = np.eye(8) - fit.params.get("rho", 0.0) * W.to_numpy()
    y = np.array([now.set_index("id").loc[W.index, "y"] for _, now in data.groupby("t")])
    trend = expected(fit, data, W) @ A.T
    c = y @ A.T - trend
    if effects == "none":
        c = 0 * c
    else:
        within = c - c.mean(axis=0, keepdims=True) * (effects in ("entity", "twoway"))
        within = within - within.mean(axis=1, keepdims=True) * (effects in ("time", "twoway"))
        c = c - within
    region = np.array(data.drop_duplicates("id").set_index("id").loc[W.index, "region"])
    got = sp.predictions(fit, at={"a": [0.7, 1.4]}, by="region")
    for label, value in got.estimates.items():
        group, a = label.split(", a = ")
        there = np.linalg.solve(A, (expected(fit, data.assign(a=float(a)), W) @ A.T + c).T).T
        assert value == pytest.approx(there[:, region == group].mean(), rel=1e-9), label
    np.testing.assert_allclose(sp.predictions(fit).estimates, fit.predict(kind="TC").mean(), rtol=1e-9)


def test_predictions_of_least_squares_have_their_variance():
    data, W = cross_section(3)
    fit = sp.ols("y ~ a + b", data, W)
    got = sp.predictions(fit, at={"a": [0, 1]})
    g = np.array([[1, value, data["b"].mean()] for value in (0, 1)])
    V = fit.vcov.to_numpy()
    np.testing.assert_allclose(got.inference.std_error, np.sqrt(np.diag(g @ V @ g.T)), rtol=1e-8)
    difference = got.differences().iloc[0]
    assert (difference["estimate"], difference["std_error"]) == pytest.approx(
        (fit.params["a"], fit.std_errors["a"]), rel=1e-8)  # fmt: skip


def test_predictions_change_as_total_effects_say():
    """All units up by one: the average prediction gains the total effect, with its interval."""
    data, W = cross_section(4)
    fit = sp.sdm("y ~ a + b", data, W)
    difference = sp.predictions(fit, at={"a": [0, 1]}).differences().iloc[0]
    total = fit.effects().tidy().query("effect == 'total' and term == 'a'").iloc[0]
    for name in ("estimate", "conf_low", "conf_high", "p_value"):
        assert difference[name] == pytest.approx(total[name], rel=2e-4, abs=2e-4)


def test_gaps_and_weights_that_vary():
    """Of each period those who are there count; the dense twin is solved period by period."""
    data, W = panel_data(6, N=10, T=3)
    data = positive(with_moderators(data)).drop(index=[4, 25])
    fit = sp.sar("y ~ log(a) + b", data, W, **PANEL, effects="entity", missing="period")
    slope, prediction = sp.slopes(fit, "a", by="time"), sp.predictions(fit, by="time", at={"a": 1.0})
    whole, c = fit._design, None
    for k, (_, now) in enumerate(data.groupby("t")):
        V = W.loc[now["id"], now["id"]].to_numpy()
        V = np.divide(V, V.sum(1, keepdims=True), where=V.sum(1, keepdims=True) > 0, out=np.zeros_like(V))
        S = np.linalg.inv(np.eye(len(V)) - fit.rho * V) * (fit.params["log(a)"] / now["a"].to_numpy())
        assert slope.direct.iloc[k] == pytest.approx(S.trace() / len(V), rel=1e-8)
        assert slope.total.iloc[k] == pytest.approx(S.sum() / len(V), rel=1e-8)
        rest = [whole.ids.get_loc(i) for i in now["id"]]
        TC = fit.predict(kind="TC").xs(now["t"].iloc[0], level="t").loc[now["id"]].to_numpy()
        c = TC - np.linalg.solve(np.eye(len(V)) - fit.rho * V, fit.params["log(a)"] * np.log(now["a"].to_numpy()))
        assert prediction.estimates.iloc[k] == pytest.approx(c.mean(), rel=1e-8), rest


def test_weights_by_period():
    data, W = panel_data(6, N=10, T=3)
    data = positive(data)
    other = W.iloc[::-1, ::-1].set_axis(W.index, axis=0).set_axis(W.columns, axis=1)
    by_year = {t: other if t == 2001 else W for t in (2000, 2001, 2002)}
    w = wt.temporal({t: wt.from_dense(V.to_numpy(), ids=V.index) for t, V in by_year.items()})
    fit = sp.sdm("y ~ log(a) + b", data, w, **PANEL, effects="entity")
    got = sp.slopes(fit, "a", by="time", at={"a": 2.0})
    for k, (t, V) in enumerate(by_year.items()):
        right = fit.params["log(a)"] * np.eye(10) + fit.params["W:log(a)"] * V.to_numpy()
        S = np.linalg.solve(np.eye(10) - fit.rho * V, right) / 2
        assert got.labels[k] == f"t = {t}, a = 2"
        assert got.direct.iloc[k] == pytest.approx(S.trace() / 10, rel=1e-8)
        assert got.total.iloc[k] == pytest.approx(S.sum() / 10, rel=1e-8)


REFUSED = [
    ("slopes", {"variable": "nowhere"}, "E502"),
    ("slopes", {"variable": "kind"}, "E203"),
    ("slopes", {"variable": "a", "kind": "dlog"}, "E501"),
    ("slopes", {"variable": "a", "at": 3}, "E501"),
    ("slopes", {"variable": "a", "at": {"nowhere": 1}}, "E502"),
    ("slopes", {"variable": "a", "at": {"a": "x"}}, "E203"),
    ("slopes", {"variable": "a", "at": {"a": 0}}, "E505"),
    ("slopes", {"variable": "a", "level": 2}, "E501"),
    ("contrasts", {"variable": "a", "values": [1]}, "E501"),
    ("contrasts", {"variable": "a", "values": ["x", 1]}, "E203"),
    ("contrasts", {"variable": "kind", "values": ["x", "nowhere"]}, "E502"),
    ("contrasts", {"variable": "id"}, "E502"),
    ("contrasts", {"variable": "a", "values": [1, 2], "at": {"a": 1}}, "E502"),
    ("predictions", {"at": {"a": -1}}, "E505"),
    ("predictions", {"by": "nowhere"}, "E502"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "requested", "code"), REFUSED)
def test_refused(function, requested, code):
    data, W = panel(8)
    fit = sp.sar("y ~ log(a) + C(kind)", data, W, **PANEL, effects="time")
    with pytest.raises(SpatialInputError) as refused:
        getattr(sp, function)(fit, **requested)
    assert refused.value.code == code
    assert refused.value.hint


def test_what_a_reading_does_not_have():
    data, W = panel_data(8, N=9, T=6)
    lagged = sp.sar("y ~ a + lag(a)", data, W, **PANEL, effects="entity")
    with pytest.raises(SpatialInputError) as refused:
        sp.slopes(lagged, "a")
    assert refused.value.code == "E530"
    with pytest.raises(SpatialInputError, match="static model has no long run"):
        sp.contrasts(sp.ols("y ~ a", data, W, **PANEL), "a", run="long")
    with pytest.raises(SpatialInputError, match="run='ever'"):
        sp.slopes(lagged, "a", run="ever")
    with pytest.raises(SpatialInputError):
        sp.slopes(pd.DataFrame(), "a")


# -- dynamic models and second lags ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def dynamic():
    data, W = panel_data(3, N=16, T=9, rho=0.2)
    rng = np.random.default_rng(3)
    data = positive(with_moderators(data))
    T, N, now = 9, 16, np.zeros(16)
    eps, a = rng.standard_normal((T, N)), data["a"].to_numpy().reshape(T, N)
    out = []
    for t in range(T):
        right = 0.4 * now + 0.1 * W.to_numpy() @ now + 2 * np.log(a[t]) + eps[t]
        out.append(now := np.linalg.solve(np.eye(N) - 0.2 * W.to_numpy(), right))
    data = data.sort_values(["t", "id"]).assign(y=np.ravel(out))
    return data, W, sp.sdm("y ~ log(a) + b", data, W, **PANEL, effects="entity", lags="both")


def test_dynamic_slopes_are_those_of_both_runs(dynamic):
    """The dense inverse of either run; of a linear term effects() has the same numbers, its law included."""
    _, W, fit = dynamic
    p, V = fit.params, W.to_numpy()
    a = fit._design.frame["a"].to_numpy()[fit._design.order].ravel()
    runs = {"short": np.eye(16) - p["rho"] * V,
            "long": (1 - p["lag(y)"]) * np.eye(16) - (p["rho"] + p["W:lag(y)"]) * V}  # fmt: skip
    effects = fit.effects()
    for run, A in runs.items():
        S = np.linalg.solve(A, p["log(a)"] * np.eye(16) + p["W:log(a)"] * V)
        slope = sp.slopes(fit, "a", run=run)
        mean = (1 / a).reshape(-1, 16).mean(axis=0)
        assert slope.direct.iloc[0] == pytest.approx((S.diagonal() * mean).mean(), rel=1e-7)
        assert slope.total.iloc[0] == pytest.approx((S.sum(axis=0) * mean).mean(), rel=1e-7)
        step = sp.contrasts(fit, "a", [1, 2], run=run)
        assert step.total.iloc[0] == pytest.approx(np.log(2) * S.sum() / 16, rel=1e-7)
        own = sp.effects_by(fit, "b", "entity", run=run)
        beside = getattr(effects, f"{run}_run").tidy().query("term == 'b'")
        linear = sp.slopes(fit, "b", run=run).tidy()
        for name in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
            np.testing.assert_allclose(linear[name], beside[name], rtol=1e-5, atol=1e-7)
        assert own.total.mean() == pytest.approx(linear["estimate"].iloc[2], rel=1e-7)


def test_dynamic_slopes_with_entry_are_those_of_each_periods_units(dynamic):
    """Of the rows: dense inverses of each period's units, who enters a neighbor; in the long run of all units."""
    data, W, _ = dynamic
    frame = data.drop(index=data.index[[40, 41, 75]])
    fit = sp.sar("y ~ a", frame, W, **PANEL, effects="entity", lags="y", missing="period")
    d, beta, rho = fit._design, fit.params["a"], fit.rho
    direct = total = 0.0
    for w, there, rows in zip(d.weights.matrices, d.weights.observed, d.observed):
        S = beta * np.linalg.inv(np.eye(there.sum()) - rho * w.csr.toarray()[np.ix_(there, there)])
        direct, total = direct + S.diagonal()[rows[there]].sum(), total + S.sum(axis=0)[rows[there]].sum()
    slope = sp.slopes(fit, "a")
    assert (slope.direct.iloc[0], slope.total.iloc[0]) == pytest.approx((direct / d.nobs, total / d.nobs), rel=1e-7)
    long = beta * np.linalg.inv((1 - fit.params["lag(y)"]) * np.eye(16) - rho * W.to_numpy())
    rows = d.observed.sum(axis=0) / d.nobs
    assert sp.slopes(fit, "a", run="long").total.iloc[0] == pytest.approx(long.sum(axis=0) @ rows, rel=1e-7)
    with pytest.raises(SpatialInputError, match="units enter"):
        sp.predictions(fit)


def test_long_run_tables_say_what_share_is_not_stationary(dynamic):
    """The share is that of draws that have no long run at an end of W's spectrum; a small one is not named."""
    from spatial.effects.long_run import not_stationary

    _, W, fit = dynamic
    places = [fit.params.index.get_loc(name) for name in ("rho", "lag(y)", "W:lag(y)")]
    rho, tau, eta = np.random.default_rng(1).multivariate_normal(fit.params, fit.vcov, 100_000)[:, places].T
    spectrum = np.linalg.eigvals(W.to_numpy()).real
    left = np.min([1 - tau - (rho + eta) * end for end in (spectrum.min(), spectrum.max())], axis=0)
    share = not_stationary(fit)
    assert share == pytest.approx((left <= 0).mean(), abs=0.01)
    line = f"given stationarity: {100 * share:.0f} % of the distribution of the estimates is left out"
    long = (sp.slopes(fit, "a", run="long"), sp.what_if(fit, "b", change=1.0, horizon="long"))
    for result in (fit.effects(), *long, sp.effects_by(fit, "b", "entity", run="long")):
        assert str(result).count(line) == 1
    sure = replace(fit, _covariance=fit._covariance / 9)
    assert not_stationary(sure) < 0.01
    for result in (fit.effects(method="delta"), sp.slopes(fit, "a"), sure.effects(), sp.slopes(sure, "a", run="long"),
                   sp.what_if(fit, "b", change=1.0, horizon=3)):
        assert "given stationarity" not in str(result)


def test_a_t_of_the_other_sign_is_named():
    from spatial.report.text import statistic_note

    table = pd.DataFrame({"estimate": [-0.1, 1.0], "std_error": [1.0, 1.0], "statistic": [0.1, 1.5]})
    assert "its sign is that of the median, not of the estimate" in statistic_note(table, "t")[0]
    assert "sign" not in statistic_note(table.iloc[1:], "t")[0]


def test_there_is_no_long_run_of_a_unit_root(dynamic):
    data, W, _ = dynamic
    frame = data.assign(y=data["y"].groupby(data["id"]).cumsum().groupby(data["id"]).cumsum())
    fit = sp.sar("y ~ a", frame, W, **PANEL, effects="entity", lags="y")
    with pytest.raises(SpatialInputError) as refused:
        sp.slopes(fit, "a", run="long")
    assert refused.value.code == "E712"
    assert np.isfinite(sp.slopes(fit, "a").total.iloc[0])


def test_dynamic_predictions_are_those_of_each_period_given_the_past(dynamic):
    """A^-1 (tau y_-1 + eta W y_-1 + X beta + W X theta + c) with the observed past, by hand."""
    _, W, fit = dynamic
    p, V, d = fit.params, W.to_numpy(), fit._design
    X = {name: d.X[:, :, d.names.index(name)] for name in d.names}

    def right(X):
        return sum(value * ((X[name.removeprefix("W:")] @ V.T) if name.startswith("W:") and name not in X else X[name])
                   for name, value in p.drop("rho").items())  # fmt: skip

    c = (d.y - p["rho"] * d.y @ V.T - right(X)).mean(axis=0)
    A = np.eye(16) - p["rho"] * V
    for at, log in ((None, X["log(a)"]), ({"a": 2.0}, np.full(d.y.shape, np.log(2.0)))):
        want = np.linalg.solve(A, (right({**X, "log(a)": log}) + c).T).mean()
        assert sp.predictions(fit, at=at).estimates.iloc[0] == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("model", ["slx", "sdm"])
def test_second_lags(model):
    """S has theta_2 W^2: slopes of logs and average predictions by the dense model, also where rho is near zero."""
    data, W = panel(4, N=12, rho=0.0)
    fit = getattr(sp, model)("y ~ log(a) + b", data, W, **PANEL, effects="time", wx_order=2)
    p, V, d = fit.params, W.to_numpy(), fit._design
    A = np.eye(12) - p.get("rho", 0.0) * V
    S = np.linalg.solve(A, p["log(a)"] * np.eye(12) + p["W:log(a)"] * V + p["W2:log(a)"] * V @ V)
    slope = sp.slopes(fit, "a", at={"a": 2.0})
    assert slope.direct.iloc[0] == pytest.approx(S.trace() / 24, rel=1e-7)
    assert slope.total.iloc[0] == pytest.approx(S.sum() / 24, rel=1e-7)
    change = sp.predictions(fit, at={"a": [1.0, np.e]}).estimates
    assert change.iloc[1] - change.iloc[0] == pytest.approx(S.sum() / 12, rel=1e-7)
    from spatial.effects.emitted import _by_unit

    for rho in (9e-5, 2e-4, 9e-4, 1.1e-3):
        diagonals, _ = _by_unit(d.weights, rho, 2)
        inverse = np.linalg.inv(np.eye(12) - rho * d.weights.csr.toarray())
        M = d.weights.csr.toarray()
        np.testing.assert_allclose(diagonals, [np.diag(inverse), np.diag(inverse @ M), np.diag(inverse @ M @ M)],
                                   atol=1e-8)  # fmt: skip
