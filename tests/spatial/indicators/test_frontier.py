"""The stochastic frontier: its density by integration, its parameters where they are known, laws of its maximum."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import spatial as sp
from spatial.indicators import _inefficiency as room
from spillover.errors import SpatialInputError

ind = sp.indicators
KEYS = {"entity": "code", "time": "year"}
TRUE = {"beta": (1.0, 0.5, 0.4), "v": 0.1, "u": 0.3, "eta": 0.06}


def draw(seed, units=60, periods=8, eta=TRUE["eta"], mu=0.0):
    """The model of Battese & Coelli with known parameters; rows shuffled."""
    rng = np.random.default_rng(seed)
    k, l = rng.normal(size=(2, periods, units))
    u = np.abs(rng.normal(size=units)) * TRUE["u"] if mu == 0 else _positive(rng, mu, TRUE["u"], units)
    h = np.exp(-eta * (np.arange(periods) - periods + 1))
    b = TRUE["beta"]
    y = b[0] + b[1] * k + b[2] * l + TRUE["v"] * rng.normal(size=k.shape) - h[:, None] * u
    data = pd.DataFrame({"code": [f"{i:03d}" for i in range(units)] * periods,
                         "year": np.repeat(range(2000, 2000 + periods), units)})  # fmt: skip
    data["产出"], data["资本"], data["劳动"] = (np.exp(v).ravel() for v in (y, k, l))
    truth = np.exp(-h[:, None] * u).T.ravel()
    return data.sample(frac=1, random_state=0), truth


def _positive(rng, mu, sigma, n):
    out = np.empty(0)
    while len(out) < n:
        tried = rng.normal(mu, sigma, 4 * n)
        out = np.concatenate([out, tried[tried > 0]])
    return out[:n]


@pytest.mark.parametrize(("mu", "eta"), [(0.0, 0.0), (0.2, 0.1), (-0.3, -0.05)])
def test_likelihood_and_efficiency_by_integration(mu, eta):
    """f(e) = integral of f(e | u) f(u), and E[exp(-u_t) | e] by the same integrals; units lack periods."""
    rng = np.random.default_rng(3)
    unit, years = np.array([0, 0, 0, 1, 1, 2]), np.array([-2.0, -1, 0, -2, 0, -1])
    X = np.column_stack([np.ones(6), rng.normal(size=6)])
    p = room.Panel(rng.normal(size=6), X, unit, years)
    sigma2, gamma = 0.8, 0.6
    theta = np.array([0.3, 0.5, sigma2, gamma, mu, eta])
    v, u = np.sqrt((1 - gamma) * sigma2), np.sqrt(gamma * sigma2)
    e, h = p.y - X @ theta[:2], np.exp(-eta * years)
    total, expected = 0.0, np.empty(6)
    for i in range(3):
        rows = unit == i

        def density(s, rows=rows):
            noise = np.prod(norm.pdf(e[rows] + h[rows] * s, scale=v))
            return noise * norm.pdf(s, mu, u) / norm.sf(0, mu, u)

        f = quad(density, 0, 15, epsabs=1e-14, limit=200)[0]
        total += np.log(f)
        for row in np.flatnonzero(rows):
            part = quad(lambda s, row=row, d=density: np.exp(-h[row] * s) * d(s), 0, 15, epsabs=1e-14, limit=200)[0]
            expected[row] = part / f
    assert room.loglik(p, theta, True, True) == pytest.approx(total, rel=1e-10)
    np.testing.assert_allclose(room.efficiencies(p, theta, True, True), expected, rtol=1e-8)


def test_known_parameters_are_found():
    data, truth = draw(seed=7, units=300)
    result = ind.stochastic_frontier(data, "产出", ["资本", "劳动"], **KEYS)
    reference = [*TRUE["beta"], TRUE["v"] ** 2 + TRUE["u"] ** 2, 0.9, TRUE["eta"]]
    z = (result.params - reference) / result.std_errors
    assert (z.abs() < 3).all(), z
    assert (result.std_errors < [0.05, 0.01, 0.01, 0.02, 0.03, 0.02]).all()
    assert np.corrcoef(result.efficiency, truth)[0, 1] > 0.95
    assert abs(result.efficiency.mean() - truth.mean()) < 0.02
    assert result.lr_p_value < 1e-10
    assert "gamma" in str(result)


def test_the_maximum_is_one_and_units_of_measurement_move_the_intercept():
    data, _ = draw(seed=2)
    one = ind.stochastic_frontier(data, "产出", ["资本", "劳动"], **KEYS)
    two = ind.stochastic_frontier(data.assign(产出=data["产出"] * 1000).iloc[::-1], "产出", ["资本", "劳动"], **KEYS)
    np.testing.assert_allclose(two.params - one.params, [np.log(1000), 0, 0, 0, 0, 0], atol=2e-5)
    pd.testing.assert_series_equal(one.efficiency, two.efficiency, rtol=1e-4)
    years = data["year"].to_numpy(float)
    X = np.column_stack([np.ones(len(data)), np.log(data[["资本", "劳动"]])])
    p = room.Panel(np.log(data["产出"]).to_numpy(), X, pd.factorize(data["code"], sort=True)[0], years - years.max())
    theta = one.params.to_numpy()
    assert room.loglik(p, theta, False, True) == pytest.approx(one.loglik)
    for j in range(len(theta)):
        for step in (-1, 1):
            moved = theta.copy()
            moved[j] += step * 1e-3 * one.std_errors.iloc[j]
            assert room.loglik(p, moved, False, True) < one.loglik
    # without inefficiency the likelihood is that of least squares
    tiny = np.array([*theta[:3], theta[3], 1e-10, 0.0])
    e = p.y - X @ theta[:3]
    assert room.loglik(p, tiny, False, True) == pytest.approx(norm.logpdf(e, scale=np.sqrt(theta[3])).sum(), abs=0.01)


def test_nested_models_and_flexible_forms():
    data, _ = draw(seed=5, mu=0.3)
    call = lambda **options: ind.stochastic_frontier(data, "产出", ["资本", "劳动"], **KEYS, **options)  # noqa: E731
    small, decaying, full = call(decay=False), call(), call(truncated=True)
    flexible = call(form="translog", trend=True)
    assert small.loglik < decaying.loglik <= full.loglik + 1e-6
    assert flexible.loglik > decaying.loglik
    assert flexible.params.index[:11].tolist() == [
        "Intercept", "log(资本)", "log(劳动)", "t", "log(资本)^2/2", "log(资本) log(劳动)", "log(资本) t",
        "log(劳动)^2/2", "log(劳动) t", "t^2/2", "sigma2",
    ]  # fmt: skip
    some = ind.stochastic_frontier(data.iloc[:-30], "产出", ["资本", "劳动"], **KEYS)  # units that lack periods
    assert some.efficiency.between(0, 1).all()


def test_what_has_no_frontier_is_refused():
    data, _ = draw(seed=1)
    rng = np.random.default_rng(0)
    skewed = data.reset_index(drop=True).assign(产出=np.exp(rng.gamma(1, 1, len(data))))  # a cross-section
    cases = [
        ("E226", lambda: ind.stochastic_frontier(skewed, "产出", ["资本", "劳动"])),
        ("E205", lambda: ind.stochastic_frontier(data.assign(一=1.0), "产出", ["资本", "一"], **KEYS)),
        ("E205", lambda: ind.stochastic_frontier(data.assign(二=data["资本"] ** 2), "产出", ["资本", "二"], **KEYS)),
        ("E211", lambda: ind.stochastic_frontier(data.assign(资本=0.0), "产出", ["资本", "劳动"], **KEYS)),
        ("E203", lambda: ind.stochastic_frontier(data.astype({"year": str}), "产出", ["资本"], **KEYS)),
        ("E206", lambda: ind.stochastic_frontier(data.iloc[:4], "产出", ["资本"], decay=False, **KEYS)),
        ("E501", lambda: ind.stochastic_frontier(data, "产出", ["资本"], form="ces", **KEYS)),
    ]
    for code, call in cases:
        with pytest.raises(SpatialInputError) as caught:
            call()
        assert caught.value.code == code, caught.value


@pytest.mark.slow
def test_estimates_are_unbiased_and_intervals_cover():
    """200 panels of 60 units and 8 years: bias below a third of a standard error, coverage of 95 % intervals."""
    reference = np.array([*TRUE["beta"], 0.1, 0.9, TRUE["eta"]])
    fits = [ind.stochastic_frontier(draw(seed=s)[0], "产出", ["资本", "劳动"], **KEYS) for s in range(200)]
    z = np.array([(f.params - reference) / f.std_errors for f in fits])
    assert (np.abs(z.mean(axis=0))[[1, 2, 5]] < 0.33).all()
    covered = (np.abs(z) < 1.96).mean(axis=0)
    assert ((covered[[1, 2, 5]] > 0.9) & (covered[[1, 2, 5]] < 0.99)).all(), covered
