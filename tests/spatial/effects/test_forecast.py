"""Forecasts against the regression with dummies, the conditional normal distribution, recursions, and laws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.covariance.kinds import lost_freedom
from spatial.records.schema import SCHEMA
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, random_weights


def panel(seed, N=10, T=6, rho=0.3, tau=0.0, unit=1.0):
    """T periods to fit and two to come."""
    rng = np.random.default_rng(seed)
    W = random_weights(rng, N)
    c, m = unit * rng.standard_normal(N), 0.3 * rng.standard_normal(T + 2)
    a, b, e = rng.standard_normal((3, T + 2, N))
    y, before = [], np.zeros(N)
    for t in range(T + 2):
        before = np.linalg.solve(np.eye(N) - rho * W, tau * before + 2 * a[t] - b[t] + c + m[t] + 0.5 * e[t])
        y.append(before)
    ids = [f"{i:02d}" for i in range(N)]
    index = pd.MultiIndex.from_product([range(2000, 2002 + T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": np.ravel(y), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    frame["kind"] = np.resize(["x", "y", "z", "y", "x", "z", "z"], len(frame))
    last = 2000 + T
    return frame[frame["t"] < last], frame[frame["t"] >= last], pd.DataFrame(W, index=ids, columns=ids)


def test_one_period_is_no_plural():
    past, new, W = panel(1)
    fit = sp.sar("y ~ a + b", past, W, effects="entity", **PANEL)
    assert "10 units, 2 periods: 2006, 2007" in str(fit.forecast(new))
    assert "10 units, 1 period: 2006" in str(fit.forecast(new[new["t"] == 2006]))


def by_period(values, like):
    """A Series by unit and period as (H, N) in the order of W."""
    return values.unstack().loc[like.index].T.to_numpy()


@pytest.mark.parametrize("effects", ["none", "entity"])
def test_least_squares_forecast_as_the_regression_with_dummies(effects):
    """x0'b with variance s2 (1 + x0'(X'X)^-1 x0), dummies among x: the textbook's."""
    past, new, W = panel(1)
    fit = sp.ols("y ~ a + b + C(kind)", past, W, **PANEL, effects=effects)

    def columns(frame):
        kinds = [(frame["kind"] == k).astype(float) for k in "yz"]
        dummies = [(frame["id"] == i).astype(float) for i in W.index] if effects == "entity" else [1 + 0 * frame["a"]]
        return np.column_stack([frame["a"], frame["b"], *kinds, *dummies])

    X, X0 = columns(past), columns(new)
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ past["y"]
    resid = past["y"] - X @ beta
    s2 = resid @ resid / (len(X) - X.shape[1])
    keys = pd.MultiIndex.from_frame(new[["id", "t"]])
    want = pd.Series(X0 @ beta, keys), pd.Series(np.sqrt(s2 * (1 + np.einsum("ij,jk,ik->i", X0, inverse, X0))), keys)
    table = fit.forecast(new.sample(frac=1, random_state=1).drop(columns="y")).table
    np.testing.assert_allclose(table["estimate"], want[0].loc[table.index], rtol=1e-9)
    np.testing.assert_allclose(table["std_error"], want[1].loc[table.index], rtol=1e-6)
    pd.testing.assert_series_equal(fit.predict(new), table["estimate"], check_names=False)


@pytest.mark.parametrize(("model", "effects", "assumed"), [
    ("sdm", "entity", None), ("sar", "twoway", "last"), ("sac", "twoway", "mean"), ("slx", "time", "last"),
    ("sdem", "entity", None), ("sdm", "twoway", {2006: 0.5, 2007: -1.0}), ("sar", "none", None),
])  # fmt: skip
def test_path_as_by_hand(model, effects, assumed):
    past, new, W = panel(2)
    w = W.to_numpy()
    fit = getattr(sp, model)("y ~ a + b", past, W, **PANEL, effects=effects)
    p = fit.params

    def right(frame):
        a, b = (frame.pivot(index="t", columns="id", values=c)[W.index].to_numpy() for c in "ab")
        lags = p.get("W:a", 0.0) * a @ w.T + p.get("W:b", 0.0) * b @ w.T
        return p["a"] * a + p["b"] * b + lags + p.get("Intercept", 0.0)

    y = past.pivot(index="t", columns="id", values="y")[W.index].to_numpy()
    A = np.eye(len(w)) - fit.rho * w
    u = y @ A.T - right(past)
    c = u.mean(axis=0) if effects in ("entity", "twoway") else u.mean() * (effects == "time")
    if isinstance(assumed, dict):
        h = np.array(list(assumed.values()))
    else:
        h = np.full(2, u[-1].mean() - u.mean()) * (assumed == "last")
    want = np.linalg.solve(A, (right(new) + c + h[:, None]).T).T
    table = fit.forecast(new, period_effects=assumed).table
    np.testing.assert_allclose(by_period(table["estimate"], W), want, rtol=1e-9)


def test_period_effects_are_of_new_periods():
    """Fitted periods have their own: the option is refused where it would be ignored."""
    past, _, W = panel(3, T=6)
    for regimes in (None, "half"):
        half = past["id"].map(dict.fromkeys(W.index[::2], "a")).fillna("b")
        fit = sp.sar("y ~ a + b", past.assign(half=half), W, **PANEL, regimes=regimes)
        with pytest.raises(SpatialInputError, match="new periods of fitted units"):
            fit.predict(period_effects="last")


@pytest.mark.parametrize("lags", ["y", "Wy", "both"])
def test_dynamic_models_go_on_from_the_last_period(lags):
    past, new, W = panel(3, T=14, tau=0.4)
    w = W.to_numpy()
    fit = sp.sdm("y ~ a + b", past, W, **PANEL, effects="entity", lags=lags)
    p = fit.params
    tau, eta = p.get("lag(y)", 0.0), p.get("W:lag(y)", 0.0)

    def of(frame, name):
        return frame.pivot(index="t", columns="id", values=name)[W.index].to_numpy()

    A, y = np.eye(len(w)) - fit.rho * w, of(past, "y")

    def right(frame):
        return sum(p[c] * of(frame, c) + p[f"W:{c}"] * of(frame, c) @ w.T for c in "ab")

    u = y[1:] @ A.T - tau * y[:-1] - eta * y[:-1] @ w.T - right(past)[1:]
    step, now, want = np.linalg.solve(A, tau * np.eye(len(w)) + eta * w), y[-1], []
    for row in right(new):
        now = step @ now + np.linalg.solve(A, row + u.mean(axis=0))
        want.append(now)
    table = fit.forecast(new).table
    np.testing.assert_allclose(by_period(table["estimate"], W), want, rtol=1e-9)
    wide = by_period(table["std_error"], W)
    assert (wide[1] > wide[0]).all()  # what comes later is less certain


@pytest.mark.parametrize(("model", "error"), [("sar", None), ("sem", "kkp"), ("sem", "baltagi"), ("sac", "kkp")])
def test_random_effects_forecast_the_conditional_mean(model, error):
    """E[y_new | y_old] of the joint normal distribution with the estimated parameters, from dense inverses."""
    past, new, W = panel(4, N=8, T=5)
    options = {} if error is None else {"random_error": error}
    fit = getattr(sp, model)("y ~ a + b", past, W, **PANEL, effects="random", **options)
    w, N, T, H = W.to_numpy(), 8, 5, 2
    components = fit._settings.random
    both = pd.concat([past, new]).sort_values(["t", "id"])
    X, old = np.column_stack([np.ones(len(both)), both[["a", "b"]]]), N * T
    y = past.sort_values(["t", "id"])["y"].to_numpy()

    def conditional(params):
        """Mean and variances of the new given the old."""
        A, B = (np.eye(N) - params.get(name, 0.0) * w for name in ("rho", "lambda"))
        inner = np.kron(np.ones((T + H, T + H)), np.eye(N)) * components.sigma2_mu
        whole, filtered = (np.kron(np.eye(T + H), np.linalg.inv(matrix)) for matrix in (A, B))
        e = components.sigma2_e * np.eye(N * (T + H))
        u = filtered @ (inner + e) @ filtered.T if error == "kkp" else inner + filtered @ e @ filtered.T
        V = whole @ u @ whole.T
        mean = whole @ (X @ params[["Intercept", "a", "b"]])
        gain = V[old:, :old] @ np.linalg.inv(V[:old, :old])
        return mean[old:] + gain @ (y - mean[:old]), np.diag(V[old:, old:] - gain @ V[:old, old:])

    want, left = conditional(fit.params)
    step = 1e-6 * np.eye(len(fit.params))
    J = np.stack([(conditional(fit.params + h)[0] - conditional(fit.params - h)[0]) / 2e-6 for h in step], axis=1)
    variance = left + np.einsum("ip,pq,iq->i", J, fit.vcov.to_numpy(), J)
    table, order = fit.forecast(new).table, sorted(W.index)
    np.testing.assert_allclose(table["estimate"].unstack().loc[order].T.to_numpy().ravel(), want, rtol=1e-8)
    np.testing.assert_allclose(table["std_error"].unstack().loc[order].T.to_numpy().ravel() ** 2, variance, rtol=1e-5)


def test_intervals_of_spatial_models_hold_the_errors_to_come():
    """With many rows the parameters' part vanishes: sd of A^-1 B^-1 e, and of the unit effects' T-th."""
    past, new, W = panel(5, N=12, T=40)
    fit = sp.sac("y ~ a + b", past, W, **PANEL, effects="entity")
    A, B = (np.eye(12) - value * W.to_numpy() for value in (fit.rho, fit.lam))
    own = fit.sigma2 * np.linalg.inv(A.T @ B.T @ B @ A)
    sd = by_period(fit.forecast(new).table["std_error"], W)
    np.testing.assert_allclose(sd[0], np.sqrt(np.diag(own) * (1 + 1 / 40)), rtol=0.06)
    assert (sd[0] >= np.sqrt(np.diag(own) * (1 + 1 / 40))).all()


def test_terms_keep_the_samples_means_and_lags_reach_back():
    past, new, W = panel(6)
    plain = sp.sar("y ~ a + b", past, W, **PANEL, effects="entity")
    scaled = sp.sar("y ~ scale(a) + center(b)", past, W, **PANEL, effects="entity")
    np.testing.assert_allclose(plain.predict(new), scaled.predict(new), rtol=1e-7)
    lagged = sp.slx("y ~ a + lag(b)", past, W, **PANEL, effects="none", durbin=["a"])
    shifted = pd.concat([past, new]).sort_values(["id", "t"])
    shifted = shifted.assign(before=shifted.groupby("id")["b"].shift())
    fitted = shifted[shifted["t"].between(2001, 2005)]
    by_hand = sp.slx("y ~ a + before", fitted, W, **PANEL, effects="none", durbin=["a"])
    np.testing.assert_allclose(lagged.predict(new), by_hand.predict(shifted[shifted["t"] > 2005]), rtol=1e-9)


def test_correlated_effects_keep_the_means_of_the_sample():
    past, new, W = panel(7, T=5)
    fit = sp.ols("y ~ a + b", past, W, **PANEL, effects="correlated")
    random, p = fit._settings.random, fit.params
    means = past.groupby("id")[["a", "b"]].mean().loc[W.index]
    fixed = p["Intercept"] + p["mean(a)"] * means["a"] + p["mean(b)"] * means["b"]
    part = past["y"] - p["a"] * past["a"] - p["b"] * past["b"] - past["id"].map(fixed)
    share = random.d2 * random.phi / (1 + random.d2 * random.phi)
    c = fixed + share * part.groupby(past["id"]).mean().loc[W.index]
    want = p["a"] * new["a"] + p["b"] * new["b"] + new["id"].map(c)
    keys = pd.MultiIndex.from_frame(new[["id", "t"]])
    got = fit.predict(new)
    np.testing.assert_allclose(got, pd.Series(want.to_numpy(), keys).loc[got.index], rtol=1e-9)


def test_weights_that_vary_need_those_of_the_new_periods():
    past, new, W = panel(8)
    by_year = {t: W.to_numpy() if t < 2003 else W.to_numpy()[::-1, ::-1] for t in range(2000, 2006)}
    w = wt.temporal({t: wt.from_dense(V, ids=W.index) for t, V in by_year.items()})
    fit = sp.sar("y ~ a", past, w, **PANEL, effects="entity")
    with pytest.raises(SpatialInputError) as refused:
        fit.forecast(new)
    assert refused.value.code == "E320"
    y, a, ahead = (frame.pivot(index="t", columns="id", values=c)[W.index].to_numpy()
                   for frame, c in ((past, "y"), (past, "a"), (new, "a")))  # fmt: skip
    u = np.array([y_t - fit.rho * V @ y_t for y_t, V in zip(y, by_year.values())]) - fit.params["a"] * a
    want = np.linalg.solve(np.eye(10) - fit.rho * W.to_numpy(), (fit.params["a"] * ahead + u.mean(axis=0)).T).T
    np.testing.assert_allclose(by_period(fit.predict(new, W), W), want, rtol=1e-9)


@pytest.mark.parametrize("lags", ["y", "both"])
def test_a_dynamic_model_whose_w_varies_goes_on_under_its_last(lags):
    """W of the last fitted period lags its response in the first new one; the variance is that of the recursion."""
    past, new, W = panel(8, T=9, tau=0.4)
    turned = W.to_numpy()[::-1, ::-1]
    w = wt.temporal({t: wt.from_dense(W.to_numpy() if t % 2 else turned, ids=W.index) for t in range(2000, 2009)})
    fit = sp.sdm("y ~ a", past, w, **PANEL, effects="entity", lags=lags, correction=False)
    p, V = fit.params, [turned if t % 2 == 0 else W.to_numpy() for t in range(2000, 2009)]
    y, a, ahead = (frame.pivot(index="t", columns="id", values=c)[W.index].to_numpy()
                   for frame, c in ((past, "y"), (past, "a"), (new, "a")))  # fmt: skip
    eta = p.get("W:lag(y)", 0.0)
    u = [y[t] - p["rho"] * V[t] @ y[t] - p["lag(y)"] * y[t - 1] - eta * V[t - 1] @ y[t - 1]
         - p["a"] * a[t] - p["W:a"] * V[t] @ a[t] for t in range(1, 9)]  # fmt: skip
    c, before, at = np.mean(u, axis=0), V[-1], y[-1]
    table = fit.forecast(new, W).table
    for h in range(2):
        right = p["lag(y)"] * at + eta * before @ at + p["a"] * ahead[h] + p["W:a"] * W.to_numpy() @ ahead[h] + c
        before, at = W.to_numpy(), np.linalg.solve(np.eye(10) - p["rho"] * W.to_numpy(), right)
        np.testing.assert_allclose(by_period(table["estimate"], W)[h], at, rtol=1e-9)
    certain = by_period(replace(fit, _covariance=0 * fit._covariance).forecast(new, W).table["std_error"], W)
    A = np.linalg.inv(np.eye(10) - p["rho"] * W.to_numpy())
    step = A @ (p["lag(y)"] * np.eye(10) + eta * W.to_numpy())
    D, s2 = step @ A + A, fit.sigma2 * lost_freedom(fit)
    for got, variance in zip(certain, (A @ A.T * 9 / 8, A @ A.T + step @ A @ A.T @ step.T + D @ D.T / 8)):
        np.testing.assert_allclose(got, np.sqrt(s2 * np.diag(variance)), rtol=1e-9)


def test_a_result_like_the_others():
    past, new, W = panel(9)
    result = sp.sar("y ~ a + b", past, W, **PANEL, effects="twoway").forecast(new, period_effects="last", level=0.9)
    tidy = result.tidy()
    assert tidy.columns.tolist() == [*SCHEMA, "period"]
    assert len(tidy) == 20
    assert set(tidy["period"]) == {2006, 2007}
    assert "last period" in str(result)
    assert "90 %" in result.summary()
    assert result.plot().get_title(loc="left") == "Forecast of y"


REFUSED = [
    ({"period_effects": None}, "E501"), ({"period_effects": "median"}, "E501"),
    ({"period_effects": {2006: 1.0}}, "E104"), ({"level": 2}, "E501"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "code"), REFUSED)
def test_options_that_are_refused(options, code):
    past, new, W = panel(9)
    fit = sp.sar("y ~ a", past, W, **PANEL, effects="twoway")
    with pytest.raises(SpatialInputError) as refused:
        fit.forecast(new, **{"period_effects": "last", **options})
    assert refused.value.code == code
    assert refused.value.hint


def change(name):
    """New periods with something wrong."""
    return {
        "a fitted period": (lambda new, past: past[past["t"] == 2005], "E103"),
        "an earlier period": (lambda new, past: new.assign(t=new["t"] - 100), "E104"),
        "a unit less": (lambda new, past: new[new["id"] != "03"], "E101"),
        "a row less": (lambda new, past: new.iloc[1:], "E104"),
        "no column": (lambda new, past: new.drop(columns="a"), "E502"),
        "a missing value": (lambda new, past: new.assign(a=new["a"].where(new["id"] != "03")), "E201"),
        "text": (lambda new, past: new.assign(a=new["a"].astype(str)), "E203"),
        "infinite": (lambda new, past: new.assign(a=new["a"].where(new["id"] != "03", np.inf)), "E202"),
        "a new level": (lambda new, past: new.assign(kind="q"), "E502"),
        "no frame": (lambda new, past: new.to_numpy(), "E501"),
    }[name]


@pytest.mark.parametrize("name", ["a fitted period", "an earlier period", "a unit less", "a row less", "no column",
                                  "a missing value", "text", "infinite", "a new level", "no frame"])  # fmt: skip
def test_new_periods_that_are_refused(name):
    past, new, W = panel(9)
    make, code = change(name)
    fit = sp.sar("y ~ a + C(kind)", past, W, **PANEL, effects="entity")
    with pytest.raises(SpatialInputError) as refused:
        fit.forecast(make(new, past))
    assert refused.value.code == code, refused.value


def test_gaps_are_refused_where_the_past_counts():
    past, new, W = panel(3, T=14, tau=0.4)
    fit = sp.sar("y ~ a", past, W, **PANEL, effects="entity", lags="y")
    with pytest.raises(SpatialInputError) as refused:
        fit.forecast(new.assign(t=new["t"] + 1))
    assert refused.value.code == "E104"
    cross = past[past["t"] == 2000].set_index("id")
    with pytest.raises(SpatialInputError) as refused:
        sp.sar("y ~ a", cross, W).forecast(cross)
    assert refused.value.code == "E501"


def test_every_unit_of_the_fit_is_forecast():
    """A smaller sample is no way round, in the data and in w."""
    past, new, W = panel(9)
    fit = sp.sar("y ~ a", past, W, **PANEL, effects="entity")
    fewer = W.drop(index="03", columns="03")
    for data, options in ((new[new["id"] != "03"], {}), (new, {"w": fewer})):
        with pytest.raises(SpatialInputError, match="E101") as refused:
            fit.forecast(data, **options)
        assert "every unit of the fit needs a row" in refused.value.hint
