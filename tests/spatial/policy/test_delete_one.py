"""Standard errors of policies: printed figures of a panel of remainders, brute-force deletions, dense CR2, exact
enumeration, and Monte Carlo coverage and size."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
from spatial.policy import bands, group_time, imputation, twfe
from spatial.policy._sample import read_policy
from spatial.policy.before import did_pretrends, untreated_problem, without_policy
from spatial.policy.pretrends import usable_leads
from spatial.policy.randomization import assignments
from spatial.policy.resampled import permuted_slopes
from spatial.policy.small_sample import CR2

from ..designs import band
from . import naive
from .conftest import staggered

KEYS = {"entity": "unit", "time": "period"}
NAMES = {"entity": "省份", "time": "年份"}


def remainders(N=16, T=8, dates=(4, 4, 4, 5, 5, 6, 6, 6)):
    """((i + 1)(t + 2)(i + 2 t + 3)) mod 17 as outcomes; the first units adopt at these dates."""
    i, t = np.arange(N), np.arange(T)[:, None]
    first = np.array([*dates, *[T] * (N - len(dates))])
    y = ((i + 1) * (t + 2) * (i + 2 * t + 3)) % 17
    frame = pd.DataFrame({"y": y.ravel().astype(float), "d": (t >= first).ravel() * 1.0,
                          "unit": np.tile(i, T), "period": np.repeat(np.arange(T), N)})  # fmt: skip
    return frame.sample(frac=1, random_state=1)


# -- printed figures ------------------------------------------------------------------------------------------------


def test_imputation_has_the_printed_figures():
    fit = sp.did("y ~ d", remainders(), **KEYS)
    row, jackknife = fit.table.iloc[0], fit.jackknife
    assert fit.att == pytest.approx(-3.404351, abs=5e-7)
    assert row["std_error"] / jackknife.scale[0] == pytest.approx(1.005913, abs=5e-7)
    assert (jackknife.scale[0], row["df"]) == (pytest.approx(1.006157, abs=5e-7), pytest.approx(9.2300, abs=5e-5))
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx([-5.68523, -1.12348], abs=5e-6)
    assert row["p_value"] == pytest.approx(0.008049, abs=5e-7)
    later = fit.path[fit.path["period"] >= 0]
    np.testing.assert_allclose(later["estimate"], [-2.892249, -0.427200, -6.609277, -7.367483], atol=5e-7)
    np.testing.assert_allclose(later["std_error"], [1.420672, 1.493135, 1.499781, 2.085512], atol=5e-7)
    sample = fit.sample
    plain = imputation.effects(sample, imputation.averages(sample, (-99, 99))[1][:1], move=False)
    measured = [plain.std_errors[0] / plain.scale[0], plain.scale[0], plain.df[0]]
    np.testing.assert_allclose(measured, [1.382707, 0.956399, 11.6931], atol=5e-5)


def test_tests_before_adoption_have_the_printed_figures():
    fit = sp.did("y ~ d", remainders(), **KEYS)
    joint, slope = fit.pretrends.joint, fit.pretrends.slope
    sample = fit.sample
    problem = untreated_problem(sample, sample.y, sample.D == 0)
    design, at = problem.with_columns(problem.leads([-3.0, -2.0, -1.0]))
    leads = CR2(design, at)(problem.scaled)
    np.testing.assert_allclose(leads.estimates, [0.468341, -3.183539, 0.305335], atol=5e-7)
    np.testing.assert_allclose(leads.std_errors, [2.598289, 2.499638, 2.082654], atol=5e-7)
    assert leads.eta == pytest.approx(8.98031, abs=5e-6)
    assert fit.pretrends.leads == (-3.0, -2.0, -1.0)
    assert (joint.statistic, joint.p_value) == (pytest.approx(0.656151, abs=5e-7), pytest.approx(0.604369, abs=5e-7))
    assert joint.df == (3, pytest.approx(6.9803, abs=5e-5))
    assert (slope.estimate, slope.std_error) == (pytest.approx(0.018243, abs=5e-7), pytest.approx(0.544803, abs=5e-7))
    assert (slope.df, slope.p_value) == (pytest.approx(9.9412, abs=5e-5), pytest.approx(0.97395, abs=5e-6))


def test_other_methods_have_the_printed_figures():
    fit = sp.did("y ~ d", remainders(), method="twfe", **KEYS)
    assert fit.att == pytest.approx(-2.579710, abs=5e-7)
    plain = fit.std_error / fit.jackknife.scale[0]
    assert (plain, plain * np.sqrt(16 / 15)) == (pytest.approx(1.135303, abs=5e-7), pytest.approx(1.172535, abs=5e-7))
    assert (fit.jackknife.scale[0], fit.table["df"][0]) == (pytest.approx(0.960855, abs=5e-7),
                                                            pytest.approx(12.2716, abs=5e-5))  # fmt: skip
    fit = sp.did("y ~ d", remainders(), method="group_time", **KEYS)
    assert fit.att == pytest.approx(-4.395833, abs=5e-7)
    assert fit.std_error / fit.jackknife.scale[0] == pytest.approx(1.848207, abs=5e-7)
    assert (fit.jackknife.scale[0], fit.table["df"][0]) == (pytest.approx(0.933448, abs=1e-6),
                                                            pytest.approx(8.9942, abs=5e-5))  # fmt: skip


def test_castle_has_the_printed_figures():
    castle = shapefiles.load_panel("castle")
    fit = sp.did("log(homicide) ~ post", castle, entity="state", time="year")
    assert fit.att == pytest.approx(0.066900, abs=5e-7)
    assert fit.std_error / fit.jackknife.scale[0] == pytest.approx(0.058819, abs=5e-7)
    assert (fit.jackknife.scale[0], fit.table["df"][0]) == (pytest.approx(1.019541, abs=5e-7),
                                                            pytest.approx(34.70, abs=5e-3))  # fmt: skip
    joint, slope = fit.pretrends.joint, fit.pretrends.slope
    assert (joint.statistic, joint.p_value) == (pytest.approx(1.693356, abs=5e-7), pytest.approx(0.196844, abs=5e-7))
    assert joint.df == (3, pytest.approx(24.537 - 2, abs=5e-4))
    assert (slope.estimate, slope.std_error) == (pytest.approx(0.016897, abs=5e-7), pytest.approx(0.013556, abs=5e-7))
    assert slope.df == pytest.approx(25.83, abs=5e-3)
    assert 0.28 < fit.pretrends.wild(draws=999).p_value < 0.38  # .32 with many draws


def test_all_assignments_have_the_printed_interval():
    data = remainders(10, 6, ())
    data["d"] = (data["unit"].isin([0, 4, 7]) & (data["period"] >= 3)) * 1.0
    data["y"] += 6 * data["d"]
    fit = sp.did("y ~ d", data, **KEYS)
    measured = fit.randomization
    assert fit.att == pytest.approx(4.984127, abs=5e-7)
    assert (measured.p_value, measured.assignments, measured.exact) == (pytest.approx(15 / 120), 120, True)
    assert (measured.conf_low, measured.conf_high) == (pytest.approx(-1.545, abs=5e-4), pytest.approx(10.666, abs=7e-4))
    assert "120 all assignments" in str(fit)


# -- brute force ----------------------------------------------------------------------------------------------------


def small(seed=3, N=12, T=5):
    """Cohorts of 3, 1 and 2 units; a covariate, weights, two regions, clusters of two."""
    rng = np.random.default_rng(seed)
    first = np.array([2, 2, 2, 3, 4, 4, *[T] * (N - 6)])
    D = np.arange(T)[:, None] >= first
    frame = pd.DataFrame({
        "y": rng.standard_normal(N * T) + D.ravel(), "d": D.ravel() * 1.0, "x": rng.standard_normal(N * T),
        "m": rng.uniform(0.5, 3, N * T), "unit": np.tile(np.arange(N), T), "period": np.repeat(np.arange(T), N),
        "pair": np.tile(np.arange(N) // 2, T), "side": np.tile(np.arange(N) % 2, T),
    })  # fmt: skip
    return frame.sample(frac=1, random_state=seed)


OPTIONS = [{}, {"obs_weights": "m"}, {"period_by": "side"}, {"obs_weights": "m", "period_by": "side"}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("formula", ["y ~ d", "y ~ d + x"])
@pytest.mark.parametrize("cluster", [None, "pair"])
def test_imputation_is_refitted_without_each_group(formula, options, cluster):
    """Rows deleted, weights moved, outcomes predicted anew; K as a matrix."""
    s = read_policy(formula, small(), treatment="d", cluster=cluster, **KEYS, **options)
    _, estimands = imputation.averages(s, (-9, 9))
    measured = imputation.effects(s, estimands)
    sizes = np.bincount(s.first)
    G = s.n_clusters
    f = np.array([max(sizes[g] - 1, 0.5 * (sizes[g] == 1)) / sizes[g] for g in s.first])
    f = np.full(G, (G - 1) / G) if cluster else f
    for k, a in enumerate(estimands):
        _, v = naive.imputation(s.y, s.D, s.X, s.mass, s.region, a)
        without = []
        for g in range(G):
            gone = s.cluster == g
            left = naive.moved(a, s.first, g) if not cluster else a * ~gone / max((a * ~gone).sum(), 1e-300)
            if left is None or (a * ~gone).sum() == 0:
                without = None
                break
            without.append(naive.imputation(s.y, s.D + 2 * gone, s.X, s.mass, s.region, left)[1])
        if without is None:
            assert np.isnan(measured.std_errors[k])
            continue
        v, without = v.reshape(s.y.shape), np.array(without).reshape(G, *s.y.shape)
        twin = naive.jackknife(s.y, s.mass, v, without, f)
        np.testing.assert_allclose([measured.std_errors[k], measured.scale[k], measured.df[k]], twin, rtol=1e-7)
        np.testing.assert_allclose(measured.v[k].T / 1, v / np.sqrt(s.mass), atol=1e-9)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cluster", [None, "pair"])
def test_two_way_effects_are_refitted_without_each_group(options, cluster):
    s = read_policy("y ~ d + x", small(), treatment="d", cluster=cluster, **KEYS, **options)
    measured = twfe.att(s)
    T, N = s.y.shape
    R = np.column_stack([s.D.ravel(), s.X.reshape(T * N, -1), naive.dummies(T, N, s.region)])

    def weights(gone):
        there = np.tile(~gone, T)
        Z = R[there] * s.mass.ravel()[there, None]
        out = np.zeros(T * N)
        out[there] = (np.linalg.pinv(Z.T @ R[there]) @ Z.T)[0]
        return out.reshape(T, N)

    G = s.n_clusters
    v, without = weights(s.cluster < 0), [weights(s.cluster == g) for g in range(G)]
    assert measured.estimates[0] == pytest.approx((v * s.y).sum(), rel=1e-9)
    twin = naive.jackknife(s.y, s.mass, v, without, np.full(G, (G - 1) / G))
    np.testing.assert_allclose([measured.std_errors[0], measured.scale[0], measured.df[0]], twin, rtol=1e-7)


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("cluster", [None, "pair"])
def test_group_time_effects_are_averaged_without_each_group(control, cluster):
    """One unit is alone in its cohort: without it the cohort is gone and the shares change."""
    s = read_policy("y ~ d", small(), treatment="d", cluster=cluster, **KEYS)
    _, measured = group_time.effects(s, control, (-9, 9))
    G = s.n_clusters
    for k, kind in enumerate(group_time.NAMES):
        v = naive.weights_of(lambda y: naive.group_time(y, s.first, control, kind), s.y.shape)  # noqa: B023
        without = []
        for g in range(G):
            there = s.cluster != g
            w = np.zeros(s.y.shape)
            w[:, there] = naive.weights_of(lambda y: naive.group_time(y, s.first[there], control, kind),  # noqa: B023
                                           s.y[:, there].shape)  # fmt: skip
            without.append(w)
        twin = naive.jackknife(s.y, s.mass, v, np.array(without), np.full(G, (G - 1) / G))
        np.testing.assert_allclose([measured.std_errors[k], measured.scale[k], measured.df[k]], twin, rtol=1e-7)


def test_an_effect_of_one_unit_has_no_standard_error():
    fit = sp.did("y ~ d", remainders(16, 8, (3, 5, 5, 6)), **KEYS)
    path = fit.path.set_index("period")
    assert np.isnan(path.loc[[3, 4], "std_error"]).all()  # only the first unit is seen three periods on
    assert path.loc[[0, 1, 2], "std_error"].gt(0).all()
    assert "one unit alone identifies the effect" in str(fit)
    both = sp.did("y ~ d", remainders(16, 8, (3, 3, 5, 6)), **KEYS)
    assert both.path.set_index("period").loc[4, "std_error"] > 0


# -- tests before adoption ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cluster", [None, "pair"])
def test_cr2_is_its_dense_twin(options, cluster):
    """Every effect a column, the root of each cluster's block of I - H, the variance of V from n-vectors."""
    s = read_policy("y ~ d + x", small(5, 14, 6), treatment="d", cluster=cluster, **KEYS, **options)
    problem = untreated_problem(s, s.y, s.D == 0)
    design, at = problem.with_columns(problem.leads([-2.0, -1.0]))
    measured = CR2(design, at)(problem.scaled)
    T, N = s.y.shape
    u = (s.D == 0).ravel()
    leads = np.stack([(s.since == k).ravel() for k in (-2, -1)], axis=1).astype(float)
    Z = np.column_stack([leads, s.X.reshape(T * N, -1), naive.dummies(T, N, s.region)])[u]
    b, V, eta, df, _ = naive.cr2(Z, s.y.ravel()[u], s.mass.ravel()[u], np.tile(s.cluster, T)[u], np.arange(2))
    np.testing.assert_allclose(measured.estimates, b, rtol=1e-8)
    np.testing.assert_allclose(measured.V, V, rtol=1e-7)
    np.testing.assert_allclose([measured.eta, *measured.df], [eta, *df], rtol=1e-6)


def test_leads_need_three_adopters():
    def leads(dates):
        s = read_policy("y ~ d", remainders(16, 8, dates), **KEYS)
        return usable_leads(untreated_problem(s, s.y, s.D == 0))

    assert leads((4, 4, 4, 5, 5)) == [-1, -2, -3]
    assert leads((2, 2, 2, 5, 5)) == [-1]  # at -2 the early ones have no earlier period
    assert leads((2, 5, 5)) == [-1]
    assert leads((5, 5)) == []
    fit = sp.did("y ~ d", remainders(16, 8, (5, 5)), **KEYS)
    assert fit.pretrends.joint is None
    assert "no joint test" in str(fit)


def test_permuted_slopes_are_refits():
    s = read_policy("y ~ d", remainders(9, 6, (3, 4, 4)), **KEYS)
    problem, first = without_policy(s)
    measured = permuted_slopes(problem, first[:40])
    for r in (0, 7, 33):
        moved = s.adopting(first[r])
        one = untreated_problem(moved, problem.y.T, moved.D == 0)
        design, at = one.with_columns(one.trend())
        fit = CR2(design, at)(one.scaled)
        assert measured[r] == pytest.approx(fit.estimates[0] / fit.std_errors[0], rel=1e-8)
    slope = did_pretrends(sp.did("y ~ d", remainders(9, 6, (3, 4, 4)), **KEYS)).slope
    assert slope.statistic == pytest.approx(measured[0], rel=1e-8)
    every = np.abs(permuted_slopes(problem, first))
    assert slope.p_value == pytest.approx((every >= every[0] - 1e-9).mean())


def test_slope_moves_the_effect_as_said():
    """A trend of that size added to those ever treated changes the estimate by just that."""
    data = remainders()
    for method in ("imputation", "twfe", "group_time"):
        fit = sp.did("y ~ d", data, method=method, **KEYS)
        slope = fit.pretrends.slope
        ever = data.groupby("unit")["d"].transform("max")
        tilted = data.assign(y=data["y"] + slope.detectable * ever * data["period"])
        bent = sp.did("y ~ d", tilted, method=method, **KEYS)
        assert abs(bent.att - fit.att) == pytest.approx(slope.moves, rel=1e-8)
        assert bent.pretrends.slope.estimate == pytest.approx(slope.estimate + slope.detectable, rel=1e-8)


def test_twenty_units_say_that_they_have_no_power():
    rng = np.random.default_rng(5)
    frame = world(rng, 20, 6, 6)
    text = str(sp.did("y ~ d", frame, **KEYS))
    assert "no power against trends" in text
    assert "not to reject says little" in text
    strong = frame.assign(y=frame["y"] + 30 * frame["d"])
    assert "would be found" in str(sp.did("y ~ d", strong, **KEYS))
    trended = frame.assign(y=frame["y"] + 9 * frame.groupby("unit")["d"].transform("max") * frame["period"])
    assert "trends before adoption differ" in str(sp.did("y ~ d", trended, **KEYS))


# -- chance assignment, bands ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["imputation", "twfe", "group_time"])
def test_randomization_enumerates_refits(method):
    """6 units, 2 adopters at different dates: 30 assignments, each estimated; p at tau by shifting outcomes."""
    data = remainders(6, 5, (2, 3))
    fit = sp.did("y ~ d", data, method=method, **KEYS)
    measured = fit.randomization
    dates = sorted(set(permutations([2, 3, 5, 5, 5, 5])))
    assert len(dates) == measured.assignments == 30

    def share(tau):
        shifted = data.assign(y=data["y"] - tau * data["d"])
        drawn = [sp.did("y ~ d", shifted.assign(d=(shifted["period"] >= shifted["unit"].map(dict(enumerate(f)))) * 1.0),
                        method=method, **KEYS).att for f in dates]  # fmt: skip
        return np.mean(np.abs(drawn) >= abs(fit.att - tau) * (1 - 1e-9))

    assert measured.p_value == pytest.approx(share(0))
    for end, out in ((measured.conf_low, -1e-6), (measured.conf_high, 1e-6)):
        if np.isfinite(end):
            assert share(end) > 0.05 >= share(end + out * max(1, abs(end)))


def test_assignments_are_distinct_and_few_or_drawn():
    dates, exact = assignments(np.array([4, 9, 2, 9, 9]))
    assert exact
    assert len({tuple(row) for row in dates}) == len(dates) == 20
    assert dates[0].tolist() == [4, 9, 2, 9, 9]
    many, exact = assignments(np.array([1, 2, 3, *[9] * 30]), draws=50, seed=2)
    assert (many.shape, exact) == ((51, 33), False)
    assert np.array_equal(many, assignments(np.array([1, 2, 3, *[9] * 30]), draws=50, seed=2)[0])


def test_bands_hold_together():
    """Independent estimates: Sidak's level; one estimate: its own; p below .05 just where zero is left out."""
    draws = bands.largest(np.eye(4))
    assert bands.level_of_each(draws, 0.95) == pytest.approx(0.95**0.25, abs=0.002)
    assert bands.level_of_each(bands.largest(np.ones((1, 3))), 0.95) == pytest.approx(0.95, abs=0.004)
    for method in ("imputation", "twfe", "group_time"):
        one = sp.did("y ~ d", remainders(), method=method, **KEYS).path
        both = sp.did("y ~ d", remainders(), method=method, band="simultaneous", **KEYS).path
        free = ~one["reference"]
        assert (both["conf_high"] - both["conf_low"])[free].gt((one["conf_high"] - one["conf_low"])[free]).all()
        outside = (both["conf_low"] > 0) | (both["conf_high"] < 0)
        assert ((both["p_value"] < 0.05) == outside)[free].all()
        assert (both["p_value"] >= one["p_value"])[free].all()


# -- Monte Carlo ----------------------------------------------------------------------------------------------------


def world(rng, N, T, adopters, trend=0.0, persistence=0.0):
    """Adoption at dates from T // 2 on; unit effects, period effects, AR(1) errors, effects that differ by unit."""
    first = np.full(N, T)
    first[:adopters] = rng.integers(T // 2, T - 1, adopters)
    e = rng.standard_normal((T, N))
    for t in range(1, T):
        e[t] = persistence * e[t - 1] + np.sqrt(1 - persistence**2) * e[t]
    D = (np.arange(T)[:, None] >= first) * 1.0
    y = rng.standard_normal(N) + rng.standard_normal((T, 1)) + e + trend * np.arange(T)[:, None] * (first < T)
    return pd.DataFrame({"y": y.ravel(), "d": D.ravel(), "unit": np.tile(np.arange(N), T),
                         "period": np.repeat(np.arange(T), N)})  # fmt: skip


def rates(N, T, adopters, R, persistence, seed):
    """Coverage of the effect (none), of three event times and of the band; sizes of both tests."""
    rng, measured = np.random.default_rng(seed), []
    for _ in range(R):
        fit = sp.did("y ~ d", world(rng, N, T, adopters, persistence=persistence), **KEYS)
        row, path = fit.table.iloc[0], fit.path[fit.path["period"].isin([0, 1])]
        tests = fit.pretrends
        inside = (path["conf_low"] <= 0) & (path["conf_high"] >= 0)
        measured.append([row["conf_low"] <= 0 <= row["conf_high"], inside.mean(),
                      tests.joint is not None and tests.joint.p_value <= 0.05,
                      tests.slope is not None and tests.slope.p_value <= 0.05])  # fmt: skip
    return np.mean(measured, axis=0)


def test_coverage_and_size_where_they_failed():
    """31 units, 13 periods, 12 adopters: chi-squared tests reject .79-.92 of true nulls, plain intervals cover .88."""
    effect, path, joint, slope = rates(31, 13, 12, 250, 0.6, 1)
    assert effect >= band(0.95, 250)[0]
    assert path >= band(0.95, 250)[0]
    assert max(joint, slope) <= band(0.05, 250)[1]


def test_large_panels_take_no_quadratic_memory():
    """4,000 units: K would hold 16 million numbers."""
    data = staggered(np.random.default_rng(2), N=4000)
    fit = sp.did("产出 ~ 政策", data, **NAMES)
    assert fit.table["df"][0] > 500
    assert fit.jackknife.scale[0] == pytest.approx(1, abs=0.01)
