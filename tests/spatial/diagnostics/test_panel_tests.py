"""Panel tests against plm and splm on Produc, dense twins, laws and their size."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import spatial as sp
from spatial.diagnostics.robust_hausman import augmented
from spillover.errors import SpatialInputError

from ..designs import band, nearest
from ..models.test_estimators import PANEL, panel_data

STORED = json.loads((Path(__file__).parents[2] / "reference" / "panel_tests" / "results.json").read_text())
PRODUC = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"


@pytest.fixture(scope="module")
def fits(panel, queen):
    shuffled = panel.sample(frac=1, random_state=1)
    return {e: sp.ols(PRODUC, shuffled, queen, entity="state", time="year", effects=e)
            for e in ("none", "entity", "twoway", "random")}  # fmt: skip


def test_pesaran_cd_of_plm(fits):
    """plm's up to sqrt((T - 1) / T)."""
    factor = np.sqrt(17 / 16)
    for name, effects in (("cd_fe", "entity"), ("cd_tw", "twoway"), ("cd_po", "none")):
        test = sp.pesaran_cd(fits[effects])
        assert test.statistic * factor == pytest.approx(STORED[name]["statistic"], rel=1e-8)
        assert np.isnan(test.p_value) == ("nothing to test" in test.null) == (effects == "twoway")
    local = sp.pesaran_cd(fits["entity"], neighbors=True)
    assert local.statistic * factor == pytest.approx(STORED["cd_local"]["statistic"], rel=1e-8)


@pytest.mark.parametrize("time", [False, True])
@pytest.mark.parametrize("linked", ["few", "half", "all"])
def test_law_of_cd(time, linked):
    """Mean, variance and skewness of sums of correlations, of 40,000 samples of unit vectors."""
    N, T, R, rng = 12, 6, 40_000, np.random.default_rng(2)
    P = np.triu(rng.random((N, N)) < {"few": 0.2, "half": 0.6, "all": 1.1}[linked], 1)
    w = pd.DataFrame(P + P.T * (rng.random((N, N)) < 0.5)).astype(float)
    data = pd.DataFrame({"y": rng.standard_normal(N * T), "t": np.repeat(range(T), N), "id": np.tile(range(N), T)})
    effects = "twoway" if time else "entity"
    fit = sp.ols("y ~ x", data.assign(x=rng.standard_normal(N * T)), w, entity="id", time="t", effects=effects)
    e = rng.standard_normal((R, T, N))
    e = e - e.mean(axis=1, keepdims=True)
    e = e - e.mean(axis=2, keepdims=True) * time
    z = e / np.linalg.norm(e, axis=1, keepdims=True)
    sums = np.einsum("rti,rti->r", z @ (P + P.T), z) / 2
    ours = fit._solution.resid.reshape(T, N)
    ours = ours / np.linalg.norm(ours, axis=0)
    test = sp.pesaran_cd(fit, neighbors=True)
    if time and linked == "all":
        assert np.isnan(test.p_value)
        return
    cd = (sums - sums.mean()) / sums.std()
    mine = (np.sum((ours @ P) * ours) - sums.mean()) / sums.std()
    assert test.statistic == pytest.approx(mine, abs=0.15 if time else 0.03)  # time effects: of order 1 / N
    if time:  # its p-value is that of permutations
        return
    skewness = np.sign(test.shape) * np.sqrt(8 / abs(test.shape))
    assert skewness == pytest.approx(np.mean(cd**3), abs=0.1)


def test_relabeled_correlations_by_a_loop():
    """After time effects: labels of the matrix of correlations permuted, linked pairs added up; any order of rows."""
    data, W = panel_data(5, N=15, T=6)
    fit = sp.ols("y ~ a", data, W, **PANEL, effects="twoway")
    test = sp.pesaran_cd(fit, neighbors=True, permutations=199, seed=3)
    e = fit._solution.resid.reshape(6, 15)
    R = np.corrcoef(e.T)
    P = (W.to_numpy() + W.to_numpy().T) > 0
    rng, total = np.random.default_rng(3), (R * P).sum() / 2
    draws = np.array([(R[np.ix_(p, p)] * P).sum() / 2 for p in (rng.permutation(15) for _ in range(199))])
    want = 2 * (min((draws >= total - 1e-9).sum(), (draws <= total + 1e-9).sum()) + 1) / 200
    assert test.p_value == pytest.approx(min(1.0, want))
    again = sp.ols("y ~ a", data.iloc[::-1], W, **PANEL, effects="twoway")
    assert sp.pesaran_cd(again, neighbors=True, permutations=199, seed=3).p_value == test.p_value
    with pytest.raises(SpatialInputError, match="permutations=0"):
        sp.pesaran_cd(fit, neighbors=True, permutations=0)


@pytest.mark.slow
@pytest.mark.parametrize("serial", [0.0, 0.6])
def test_size_of_cd_among_neighbors_with_unequal_variances(serial):
    """sd exp(.7 z) and AR errors after two-way effects: 150 samples within noise of 5 % (the law rejected 17-52 %)."""
    rng, N, T = np.random.default_rng(6), 31, 13
    from ..designs import band, nearest

    W = pd.DataFrame(nearest(rng, N, 4))
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "id"])
    rejected = 0
    for _ in range(150):
        e = rng.standard_normal((T, N))
        for t in range(1, T):
            e[t] += serial * e[t - 1]
        e = e * np.exp(0.7 * rng.standard_normal(N))
        data = pd.DataFrame({"y": e.ravel(), "x": rng.standard_normal(N * T)}, index).reset_index()
        fit = sp.ols("y ~ x", data, W, entity="id", time="t", effects="twoway")
        rejected += sp.pesaran_cd(fit, neighbors=True, permutations=199).p_value < 0.05
    low, high = band(0.05, 150, slack=0.01)
    assert low <= rejected / 150 <= high


def test_serial_correlation_of_plm_and_xtserial(panel, queen):
    """Their variance is around the estimated slope: after ``correction=False``."""
    fits = {e: sp.ols(PRODUC, panel, queen, entity="state", time="year", effects=e, correction=False)
            for e in ("none", "entity")}  # fmt: skip
    tests = sp.serial_correlation(fits["entity"])
    assert tests["Wooldridge, within"].statistic == pytest.approx(STORED["ar_fe"]["statistic"], rel=1e-8)
    assert tests["Wooldridge, within"].df == (1, STORED["ar_fe"]["df"]["df2"])
    for effects in ("none", "entity"):
        result = sp.serial_correlation(fits[effects])["Wooldridge, differences"]
        assert result.statistic == pytest.approx(STORED["xtserial"], rel=1e-8)


@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_wooldridge_is_the_t_test_of_the_scores_of_units(effects):
    """A t test of one mean, of scores under the null that a loop adds up; any order of rows."""
    data, W = panel_data(7, N=12, T=5)
    fit = sp.ols("y ~ a + b", data.sample(frac=1, random_state=1), W, **PANEL, effects=effects)
    e = fit._solution.resid.reshape(5, 12)
    now, before = e[1:] - e[1:].mean(), e[:-1] - e[:-1].mean()
    scores = [sum(before[t, i] * (now[t, i] + before[t, i] / 4) for t in range(4)) for i in range(12)]
    want = stats.ttest_1samp(scores, 0.0)
    test = sp.serial_correlation(fit)["Wooldridge, within"]
    assert test.statistic == pytest.approx(want.statistic**2)
    assert test.p_value == pytest.approx(want.pvalue)
    assert test.df == sp.serial_correlation(fit)["Wooldridge, differences"].df == (1, 11)


@pytest.mark.slow
def test_wooldridge_with_few_units_keeps_its_level():
    """1,000 panels of white noise, 20 x 6, at once: around the estimated slope 8 to 10 % were rejected."""
    rng, N, T, R = np.random.default_rng(11), 20, 6, 1_000
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "id"])
    W = pd.DataFrame(np.roll(np.eye(N), 1, axis=1))
    x, rejected = rng.standard_normal(N * T), np.zeros(2)
    for _ in range(R):
        data = pd.DataFrame({"y": rng.standard_normal(N * T), "x": x}, index).reset_index()
        fit = sp.ols("y ~ x", data, W, entity="id", time="t", effects="entity")
        tests = sp.serial_correlation(fit)
        rejected += [tests[f"Wooldridge, {name}"].p_value < 0.05 for name in ("differences", "within")]
    assert (rejected / R < 0.068).all(), rejected / R
    assert (rejected / R > 0.030).all()


def test_hausman_regression_of_plm(fits):
    """plm's default covariance, and Arellano's without a small-sample factor."""
    plain = sp.robust_hausman(fits["random"], vcov="oim")
    assert 4 * plain.statistic == pytest.approx(STORED["aux"]["statistic"], rel=1e-7)
    assert plain.df == (4, 48 - 5)  # means of four regressors and the intercept between units
    again, added = augmented(fits["random"])
    again = again.with_vcov("cluster")
    b, V = again.params[added], again.vcov.loc[added, added]
    factor = 48 / 47 * 815 / (816 - 9)
    assert b @ np.linalg.solve(V, b) * factor == pytest.approx(STORED["aux_hc"]["statistic"], rel=1e-7)


@pytest.mark.parametrize("effects", ["random", "twoway"])
def test_clustered_hausman_leaves_out_unit_by_unit(fits, effects):
    """Hotelling's T2 of the estimates without each unit."""
    again, added = augmented(fits[effects])
    T, N = again._design.y.shape
    y, X = again._sample.y.reshape(T, N), again._sample.X.reshape(T, N, -1)
    without = []
    for i in range(N):
        parts = [np.delete(v, i, axis=1) for v in (y, X)]
        yi, Xi = (v - v.mean(axis=1, keepdims=True) * (effects == "twoway") for v in parts)
        without.append(np.linalg.lstsq(Xi.reshape(T * (N - 1), -1), yi.ravel(), rcond=None)[0][-4:])
    V = (N - 1) / N * (N - 1) * np.cov(np.array(without), rowvar=False)
    b = again.params[added].to_numpy()
    test = sp.robust_hausman(fits[effects])
    assert test.statistic == pytest.approx(b @ np.linalg.solve(V, b) * (N - 4) / (4 * (N - 1)), rel=1e-8)
    assert test.df == (4, N - 4)
    regions = sp.Cluster(pd.Series(np.arange(N) % 4, again._design.ids))
    with pytest.raises(SpatialInputError, match="more than 3 degrees of freedom") as caught:
        sp.robust_hausman(fits[effects], vcov=regions)
    assert caught.value.code == "E206"


def test_baltagi_song_koh_of_splm(shared, fits):
    """SLM2 is Moran's I with exact moments; splm's 12.272 has others."""
    tests = sp.random_effects_tests(fits["none"])
    stored = json.loads((shared / "reference/splm/produc_tests.json").read_text())["tests"]
    for ours, theirs in (("LM1", "LM1"), ("SLM1", "LM1_standardized"), ("LM2", "LM2"), ("LM-H", "LMH"),
                         ("LM*-mu", "CLMmu"), ("LM*-lambda", "CLMlambda")):  # fmt: skip
        want = next(iter(stored[f"bsktest_{theirs}"]["statistic"].values()))
        assert tests[ours].statistic == pytest.approx(want, rel=1e-6)
    assert tests["LM2"].p_value == pytest.approx(stored["bsktest_LM2"]["p_value"], rel=1e-6)
    assert tests["LM1"].statistic == pytest.approx(STORED["honda"]["statistic"], rel=1e-8)
    assert tests["SLM2"].statistic == pytest.approx(
        sp.diagnose(fits["none"])["Moran of residuals"].statistic, rel=1e-9
    )


def test_one_sided_distributions():
    from scipy import stats

    from spatial.records.tests import TestResult

    assert TestResult("", 1.7, "upper", "").p_value == pytest.approx(stats.norm.sf(1.7), rel=1e-12)
    mixed = 0.5 * stats.chi2.sf(2.1, 1) + 0.25 * stats.chi2.sf(2.1, 2)
    assert TestResult("", 2.1, "mixed", "").p_value == pytest.approx(mixed, rel=1e-12)
    assert TestResult("", 0.0, "mixed", "").p_value == 1.0


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
def test_moments_of_the_autoregression_score(effects):
    """L x I under the dense projection off the effects."""
    data, W = panel_data(5, N=7, T=5)
    fit = sp.ols("y ~ a + b", data, W, **PANEL, effects=effects)
    Q, P = np.eye(5) - (effects in ("entity", "twoway")) / 5, np.eye(7) - (effects in ("time", "twoway")) / 7
    M, A = np.kron(Q, P), np.kron(np.eye(5, k=-1), np.eye(7))
    e, df = fit._solution.resid, round(np.trace(M))
    mean = np.trace(M @ A)
    variance = np.trace(M @ A @ M @ A) + np.trace(M @ A @ M @ A.T) - 2 * mean**2 / df
    want = (e @ A @ e / (e @ e / df) - mean) ** 2 / variance
    assert sp.serial_correlation(fit)["LM AR(1)"].statistic == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("model", ["sar", "sdm", "sem", "sac"])
def test_spatial_fits_are_filtered(model):
    """With rho and lambda known, the tests are those of the regression of B A y on B X."""
    data, W = panel_data(6)
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects="entity", durbin=["a"] if model == "sdm" else None)
    wide = {v: data.pivot(index="t", columns="id", values=v)[W.index].to_numpy() for v in "yab"}
    V = W.to_numpy()
    wide["c"] = wide["a"] @ V.T
    B = np.eye(len(V)) - fit.lam * V
    filtered = {v: x @ B.T for v, x in wide.items()} | {"y": (wide["y"] - fit.rho * wide["y"] @ V.T) @ B.T}
    frame = pd.DataFrame({v: x.ravel() for v, x in filtered.items()})
    frame = frame.assign(t=np.repeat(sorted(data["t"].unique()), len(V)), id=np.tile(W.index, 5))
    same = sp.ols("y ~ a + b" + " + c" * (model == "sdm"), frame, W, **PANEL, effects="entity")
    ours, theirs = (sp.serial_correlation(f)["Wooldridge, differences"].statistic for f in (fit, same))
    assert ours == pytest.approx(theirs, rel=1e-7)


def test_the_robust_hausman_decides_where_the_difference_is_not_definite():
    """Regressors with little between variance: V_F and V_R hardly differ, and their difference is not definite."""
    rng = np.random.default_rng(0)
    message = {False: 0, True: 0}
    for seed in range(8):
        data, W = panel_data(seed)
        data[["a", "b"]] -= (0.9 if seed < 6 else 0.2) * data.groupby("id")[["a", "b"]].transform("mean")
        data["y"] = rng.standard_normal(len(data)) + data["t"] % 2
        fixed, random = (sp.ols("y ~ a + b", data, W, **PANEL, effects=e) for e in ("entity", "random"))
        V = fixed.vcov - random.with_vcov("oim").vcov.loc[fixed.vcov.index, fixed.vcov.index]
        definite = (np.linalg.eigvalsh(V) > 0).all()
        test = sp.hausman(fixed, random)
        assert ("not positive definite" in test.null) == (not definite)
        form = sp.robust_hausman(fixed, vcov="oim" if definite else "cluster")
        assert (test.statistic, test.df, test.p_value) == (form.statistic, form.df, form.p_value)
        message[bool(definite)] += 1
    assert min(message.values()) > 0


def test_without_correction_hausman_is_the_quadratic_form():
    """That of plm and Stata, chi2; by default a regression with one variance and an F."""
    data, W = panel_data(3)
    data[["a", "b"]] += data.groupby("id")[["a", "b"]].transform("first")
    fixed, random = (sp.ols("y ~ a + b", data, W, **PANEL, effects=e, correction=False) for e in ("entity", "random"))
    V = (fixed.vcov - random.vcov.loc[fixed.vcov.index, fixed.vcov.index]).to_numpy()
    d = (fixed.params - random.params[fixed.params.index]).to_numpy()
    test = sp.hausman(fixed, random)
    assert np.linalg.eigvalsh(V).min() > 0
    assert (test.statistic, test.df) == (pytest.approx(d @ np.linalg.solve(V, d), rel=1e-10), 2)
    corrected = [sp.ols("y ~ a + b", data, W, **PANEL, effects=e) for e in ("entity", "random")]
    assert sp.hausman(*corrected).df == (2, len(W) - 3)


def test_too_few_periods_and_still_units():
    data, W = panel_data(1, T=3)
    fit = sp.ols("y ~ a", data, W, **PANEL, effects="entity")
    with pytest.raises(SpatialInputError, match="at least 4 periods") as caught:
        sp.serial_correlation(fit)
    assert caught.value.code == "E206"


@pytest.mark.filterwarnings("ignore:with 2 degrees of freedom")
@pytest.mark.parametrize("vcov", ["robust", "cluster", "driscoll_kraay", "eim"])
@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
def test_wald_tests_take_any_covariance(effects, vcov):
    """theta = 0 by hand, and the common factor's delta method by numerical slopes ("eim": it is the first step of the
    distance, which is smaller)."""
    data, W = panel_data(8, N=20)
    fit = sp.sdm("y ~ a + b", data, W, **PANEL, effects=effects, vcov=vcov)
    theta = ["W:a", "W:b"]
    scale = {"robust": 18 / 38, "cluster": 18 / 38, "driscoll_kraay": 1 / 4, "eim": 1 / 2}[vcov]  # (nu - 1) / (2 nu)
    df = {"robust": (2, 18), "cluster": (2, 18), "driscoll_kraay": (2, 1), "eim": (2, fit.df_resid)}[vcov]
    assert vcov != "eim" or fit.df_resid == fit._sample.n - len(fit.params)
    want = fit.params[theta] @ np.linalg.solve(fit.vcov.loc[theta, theta], fit.params[theta])
    test = sp.wald_test(fit, "SAR")
    assert (test.statistic, test.df) == (pytest.approx(scale * want, rel=1e-8), df)

    def factor(p):
        p = pd.Series(p, fit.params.index)
        return np.array([p["W:a"] + p["rho"] * p["a"], p["W:b"] + p["rho"] * p["b"]])

    at = fit.params.to_numpy()
    G = np.column_stack([(factor(at + h) - factor(at - h)) / 2e-6 for h in 1e-6 * np.eye(len(at))])
    want = factor(at) @ np.linalg.solve(G @ fit.vcov.to_numpy() @ G.T, factor(at))
    assert sp.wald_test(fit, "SEM").statistic == pytest.approx(scale * want, rel=0.2 if vcov == "eim" else 1e-5)
    for name in ("SAR", "SEM", "SLX"):
        nested = getattr(sp, name.lower())("y ~ a + b", data, W, **PANEL, effects=effects, vcov=vcov)
        assert sp.lr_test(nested, fit).statistic >= 0


def test_wald_after_a_jackknife_is_hotelling():
    data, W = panel_data(8, N=20)
    fit = sp.sdm("y ~ a + b", data, W, **PANEL, vcov="jackknife")
    theta = ["W:a", "W:b"]
    T2 = fit.params[theta] @ np.linalg.solve(fit.vcov.loc[theta, theta], fit.params[theta])
    test = sp.wald_test(fit, "SAR")
    assert (test.statistic, test.df) == (pytest.approx(T2 * 18 / (2 * 19), rel=1e-9), (2, 18))


@pytest.mark.slow
@pytest.mark.parametrize(("N", "T"), [(31, 13), (48, 5)])
def test_size_of_panel_tests(N, T, capsys):
    """Nothing to find: no dependence, no serial correlation, no effects; unit effects apart from the regressors."""
    rng, R = np.random.default_rng(9), 600
    W = nearest(rng, N, 4)
    w, A = pd.DataFrame(W), np.linalg.inv(np.eye(N) - 0.3 * W)
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    keys, result = {"entity": "i", "time": "t"}, []
    for _ in range(R):
        e, x = rng.standard_normal((2, T, N))
        x = x + rng.standard_normal(N)

        def fit(model, effects, y, x=x):
            data = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index).reset_index()
            return getattr(sp, model)("y ~ x", data, w, effects=effects, **keys)

        plain, moved = fit("ols", "none", x + e), x + e + rng.standard_normal(N)
        within = fit("ols", "entity", moved)
        tests = {t.name: t for t in sp.random_effects_tests(plain)}
        tests |= {t.name: t for t in sp.serial_correlation(within)}
        tests |= {t.name: t for t in (sp.pesaran_cd(within), sp.pesaran_cd(within, neighbors=True))}
        tests["CD, neighbors, two-way"] = sp.pesaran_cd(fit("ols", "twoway", moved), neighbors=True)
        tests["robust Hausman, ols"] = sp.robust_hausman(within)
        tests["robust Hausman, sar"] = sp.robust_hausman(fit("sar", "entity", moved @ A.T))
        sar = {effects: fit("sar", effects, (x + e) @ A.T) for effects in ("entity", "time", "twoway")}
        for effects in ("time", "entity"):
            tests[f"effects beside {effects}"] = sp.effects_test(sar[effects], sar["twoway"])
        result.append({name: test.p_value < 0.05 for name, test in tests.items()})
    shares = pd.DataFrame(result).mean()
    with capsys.disabled():
        print(f"\nN={N} T={T}: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))
    low, high = band(0.05, R, slack=0.01)
    assert shares.between(low, high).all()
