"""One model, or several, under several W."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import spatial as sp
import weights as wt
from spatial.compare.alike import similarity
from spatial.compare.posterior import log_marginal
from spatial.compare.rivals import _row_logliks
from spillover.errors import SpatialInputError
from spillover.matrix import as_weights

from .conftest import FORMULA, KEYS


def test_probabilities_are_softmax_of_the_marginals(compared):
    m = compared.log_marginals
    odds = np.exp(m - m.max())
    np.testing.assert_allclose(compared.probabilities, odds / odds.sum(), rtol=1e-10)
    assert compared.glance()["weights"].iloc[0] == compared.best
    assert list(compared.tidy().columns[:3]) == ["weights", "effect", "term"]


def test_models_by_weights(several, early):
    result = sp.compare_weights(several, model=[sp.slx, sp.sar, sp.sem], formula=FORMULA, data=early, **KEYS)
    table = result.posterior()
    assert table.loc["all weights", "all models"] == pytest.approx(1)
    one = sp.compare_weights({"queen": several["queen"]}, model=sp.sem, formula=FORMULA, data=early, **KEYS)
    assert result.log_marginals[("queen", "SEM")] == pytest.approx(one.log_marginals["queen"], abs=1e-8)
    assert result["knn5", "SAR"].specification.name == "SAR"
    assert "knn5" in str(result)
    assert "SEM" in str(result)


def test_an_average_is_the_mixture(compared):
    """Quantiles by resampling the W first and a draw of the parameters then."""
    result = compared.averaged()
    p = compared.probabilities.to_numpy()
    assert p.max() < 0.99  # several W take part
    estimates = np.array([e.estimates for e in compared.effects.values()])
    np.testing.assert_allclose(result.estimates, np.einsum("w,wij->ij", p, estimates))
    df = min(e.fit.df_resid for e in compared.effects.values())
    rng = np.random.default_rng(3)
    samples = [e.source.sample(e._picks, 20_000, 1) for e in compared.effects.values()]
    which, at = rng.choice(len(p), 400_000, p=p), rng.integers(0, 10**6, 400_000)
    mixed = np.array([samples[w][i % len(samples[w])] for w, i in zip(which, at)])
    width = result.conf_high - result.conf_low  # a quantile of so many draws is within 2 % of it
    np.testing.assert_allclose((result.conf_low - np.quantile(mixed, 0.025, axis=0)) / width, 0, atol=0.02)
    np.testing.assert_allclose((result.conf_high - np.quantile(mixed, 0.975, axis=0)) / width, 0, atol=0.02)
    np.testing.assert_allclose(result.std_errors, width / (2 * stats.t.ppf(0.975, df)), rtol=1e-6)
    assert (result.from_weights >= 0).all()
    assert (result.from_weights <= 1).all()


def test_one_w_averages_to_itself(compared, several, early):
    alone = sp.compare_weights(several, model=sp.sdm, formula=FORMULA, data=early,
                               probabilities={"queen": 0, "knn5": 1, "inverse": 0}, **KEYS)  # fmt: skip
    result, effects = alone.averaged(), alone.effects["knn5"]
    np.testing.assert_allclose(result.estimates, effects.estimates)
    np.testing.assert_allclose(result.std_errors, effects.std_errors)
    np.testing.assert_allclose(result.conf_low, effects.conf_low, atol=0.05 * effects.std_errors.max())
    assert (result.from_weights == 0).all()
    assert alone.best == "knn5"
    assert set(alone.fits) == set(several)


def test_identical_weights_share_and_are_named(several, early):
    twins = {**several, "contiguity": several["queen"]}
    result = sp.compare_weights(twins, model=sp.sdm, formula=FORMULA, data=early, **KEYS)
    assert result.probabilities["queen"] == result.probabilities["contiguity"]
    assert "queen and contiguity are the same matrix" in str(result)
    assert result.similarity().loc["queen", "contiguity"] == pytest.approx(1)


def test_other_units(several, early):
    """Reported in its row with the unit's name; compared on the common ones when asked."""
    cut = {**several, "no Maine": several["knn5"].subset([i for i in several["knn5"].ids if i != "ME"])}
    result = sp.compare_weights(cut, model=sp.sar, formula=FORMULA, data=early, **KEYS)
    row = result.glance().iloc[-1]
    assert row["weights"] == "no Maine"
    assert "ME" in row["problem"]
    assert np.isnan(row["rho"])
    common = sp.compare_weights(cut, model=sp.sar, formula=FORMULA, data=early, common=True, **KEYS)
    assert common["queen"]._design.n_units == 47
    assert not common.failed
    assert "left out: ME" in str(common)
    by_hand = sp.sar(FORMULA, early[early["state"] != "ME"], cut["no Maine"], **KEYS)
    assert common["no Maine"].rho == pytest.approx(by_hand.rho, abs=1e-9)


def test_islands_are_said_and_likelihoods_made_comparable(several, early):
    alone = several["queen"].to_frame().query("focal != 'ME' and neighbor != 'ME'")
    alone = wt.from_frame(alone, ids=several["queen"].ids).standardize("row")
    result = sp.compare_weights({"a": several["queen"], "b": alone}, model=sp.sar, formula=FORMULA, data=early, **KEYS)
    assert "b has 1 islands (ME)" in str(result)
    for name, w in {"a": several["queen"], "b": alone}.items():
        fit = sp.sar(FORMULA, early, w, **KEYS)
        assert result.log_marginals[name] == pytest.approx(log_marginal(fit), abs=1e-5)
        assert fit._sample.n == result[name]._sample.n


def test_similarity_is_numpys(several):
    dense = {name: w.csr.toarray() for name, w in several.items()}
    off = ~np.eye(48, dtype=bool)
    want = np.corrcoef([d[off] for d in dense.values()])
    aligned = {name: as_weights(w) for name, w in several.items()}
    np.testing.assert_allclose(similarity(aligned, "correlation"), want, atol=1e-12)
    a, b = dense["queen"] > 0, dense["knn5"] > 0
    assert similarity(aligned, "jaccard").loc["queen", "knn5"] == pytest.approx((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("model", ["sar", "sdm", "slx"])
def test_j_test_is_two_stage_least_squares(model, several, early):
    """linearmodels, every instrument built densely."""
    from linearmodels.iv import IV2SLS

    pair = ("queen", "knn5")
    null, rival = (getattr(sp, model)(FORMULA, early, several[name], effects="none", **KEYS) for name in pair)
    d, X = null._design, null._sample.X
    f = null._sample.y - rival._solution.resid
    lags = []
    for W in (several["queen"].csr.toarray(), several["knn5"].csr.toarray()):
        lagged = d.X[:, :, 1:]
        for _ in range(2 + (model != "sar")):
            lagged = np.einsum("ij,tjk->tik", W, lagged)
            lags.append(lagged.reshape(len(f), -1))
    beside = np.column_stack(lags) - X @ np.linalg.lstsq(X, np.column_stack(lags), rcond=None)[0]
    U, size, _ = np.linalg.svd(beside / np.linalg.norm(np.column_stack(lags), axis=0), full_matrices=False)
    instruments = U[:, size > 1e-10]
    if model == "slx":
        want = IV2SLS(null._sample.y, np.column_stack([X, f]), None, None).fit(cov_type="unadjusted")
    else:
        endog = np.column_stack([null._sample.Wy, f])
        want = IV2SLS(null._sample.y, X, endog, instruments).fit(cov_type="unadjusted")
    result = sp.compare.rivals.j_test(null, rival)
    assert result.statistic == pytest.approx(want.tstats.iloc[-1] ** 2, rel=1e-5)


def test_vuong(compared):
    fits = list(compared.fits.values())
    rows = [_row_logliks(fit) for fit in fits]
    assert [r.sum() for r in rows] == pytest.approx([fit.loglik for fit in fits])
    gap = rows[0] - rows[1]
    result = compared.vuong("queen", "knn5")
    assert result.statistic == pytest.approx(gap.sum() / (np.sqrt(len(gap)) * gap.std()))
    assert result.statistic == -compared.vuong("knn5", "queen").statistic


def test_residuals_tell_what_is_left(compared, queen):
    table = compared.residuals()
    fit = compared["queen"]
    e = fit._solution.resid.reshape(fit._design.y.shape)
    W = queen.csr.toarray()
    want = e.size / (len(e) * W.sum()) * np.einsum("ti,ij,tj->", e, W, e) / (e**2).sum()
    assert table["moran"].iloc[0] == pytest.approx(want)
    assert table["p_value"].iloc[0] == sp.lm_residual_error(fit).p_value


@pytest.mark.parametrize(
    "options",
    [
        {"queen": 0, "knn5": 0, "inverse": 0},
        {"queen": 1},
        {"queen": 1, "knn5": -1, "inverse": 1},
        {"queen": 1, "knn5": 1, "inverse": 1, "rook": 1},
    ],
)
def test_prior_probabilities_are_checked(options, several, early):
    with pytest.raises(SpatialInputError, match="E510"):
        sp.compare_weights(several, model=sp.sar, formula=FORMULA, data=early, probabilities=options, **KEYS)


def test_an_iterable_is_named_by_kind(several, early):
    ws = [*several.values(), several["queen"]]
    result = sp.compare_weights(ws, model=sp.sar, formula=FORMULA, data=early, **KEYS)
    assert next(iter(result.fits)) == "queen"
    assert "queen (2)" in result.fits
    assert isinstance(result.glance(), pd.DataFrame)


def test_weights_that_vary_take_part(states, early):
    """A list of one W per year beside one for all: same answers where all years have the same, by another path."""
    queen, near = wt.queen(states).standardize("row"), wt.knn(states, 5).standardize("row")
    years = sorted(early["year"].unique())
    moving = wt.temporal({year: queen if year < 1972 else near for year in years})
    still = wt.temporal(dict.fromkeys(years, queen))
    result = sp.compare_weights({"moving": moving, "still": still, "queen": queen}, model=sp.sar, formula=FORMULA,
                               data=early, **KEYS)  # fmt: skip
    assert result.log_marginals["still"] == pytest.approx(result.log_marginals["queen"], rel=1e-12)
    assert result.similarity().loc["moving", "queen"] < 1
    assert np.isfinite(result.residuals()["moran"]).all()
    assert result.j_test("queen", "moving").df == 1


@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sem", "sdm", "sdem", "sac"])
@pytest.mark.parametrize(
    "options", [{}, {"effects": "none"}, {"effects": "entity", "vcov": "robust"}, {"effects": "random"}]
)
def test_many_w_are_as_each_alone(model, options, several, early):
    """Data are read once for all W; every number is as from the model's own function. Units in any order."""
    shuffled = several["inverse"].reindex(list(several["inverse"].ids[::-1]))
    raw = wt.from_sparse(several["knn5"].csr * 2.0, ids=several["knn5"].ids)
    ws = {**several, "inverse": shuffled, "raw": raw}
    if model in ("sem", "sdem", "sac") and not options:
        del ws["raw"]
    result = sp.compare_weights(ws, model=getattr(sp, model), formula=FORMULA, data=early, **KEYS, **options)
    assert not result.failed
    for name, w in ws.items():
        alone = getattr(sp, model)(FORMULA, early, w, **KEYS, **options)
        pd.testing.assert_frame_equal(result[name].tidy(), alone.tidy(), rtol=1e-7)
        assert result[name].loglik == pytest.approx(alone.loglik, rel=1e-10)
        if name != "inverse":  # in the first W's order, so to the last bit
            np.testing.assert_array_equal(result[name].params, alone.params)


def test_what_is_no_w_fails_in_its_row(several, early):
    hole = pd.DataFrame(several["queen"].csr.toarray(), several["queen"].ids, several["queen"].ids)
    hole.iloc[0, 1] = np.nan
    ws = {"hole": hole, **several, "word": "queen"}
    result = sp.compare_weights(ws, model=sp.sar, formula=FORMULA, data=early, **KEYS)
    assert list(result.fits) == list(several)
    assert result.failed["hole"].startswith("E302")
    assert result.failed["word"].startswith("E501")
    assert result.glance()["problem"].tolist()[:3] == ["", "", ""]


@pytest.mark.parametrize(
    ("options", "code"),
    [({"n_jobs": 0}, "E501"),
     ({"n_jobs": 1.5}, "E501"), ({"client": "dask"}, "E501"), ({"model": None}, "E501"),
     ({"model": [sp.sar, sp.sar]}, "E501"), ({"prior": "beta"}, "E510"), ({"probabilities": [1, 2, 3]}, "E510"),
     ({"probabilities": {"queen": "a", "knn5": 1, "inverse": 1}}, "E510")],
)  # fmt: skip
def test_options_are_refused_at_the_door(options, code, several, early):
    with pytest.raises(SpatialInputError, match=code):
        sp.compare_weights(several, **{"model": sp.sar, "formula": FORMULA, "data": early, **KEYS, **options})


def test_no_posterior_without_a_likelihood_or_a_prior(compared, several, early, queen):
    """Moments; and the only W with a prior probability has other units."""
    how = {"model": sp.sar, "formula": FORMULA, "data": early, **KEYS}
    moments = sp.compare_weights(several, method="gmm", **how)
    small = {"queen": queen, "small": queen.subset(queen.ids[:40])}
    left = sp.compare_weights(small, probabilities={"queen": 0, "small": 1}, **how)
    assert "common=True" in left.failed["small"]
    for result in (moments, left):
        assert result.probabilities.isna().all()
        for requested in (result.averaged, result.posterior):
            with pytest.raises(SpatialInputError, match="E511"):
                requested()
    with pytest.raises(SpatialInputError, match="E501"):
        compared.averaged(level=95)
    assert "90 % low" in str(compared.averaged(level=0.9))


def test_a_w_without_an_interval_has_no_probability_and_spoils_none(several, early, states):
    """Units that follow one another: the others share what there is, and the note says what would help."""
    n = len(states)
    chain = wt.from_sparse(sparse.csr_array((np.ones(n - 1), (np.arange(1, n), np.arange(n - 1))), shape=(n, n)),
                           ids=states.index)  # fmt: skip
    how = {"model": [sp.sar, sp.slx], "formula": FORMULA, "data": early, **KEYS, "effects": "entity"}
    without, result = sp.compare_weights(several, **how), sp.compare_weights({"chain": chain, **several}, **how)
    assert np.isnan(result.probabilities["chain", "SAR"])
    assert result.probabilities.sum() == pytest.approx(1)
    told = result.posterior()
    shares = told.loc[list(several), "SAR"] / told.loc["queen", "SAR"]
    want = without.posterior()["SAR"].drop("all weights")
    pd.testing.assert_series_equal(shares, want / want["queen"], rtol=1e-9)
    assert result.best in several
    assert result.averaged().estimates.shape == (3, 3)
    assert any("chain SAR: no posterior probability" in note for note in result.notes)
    with_beta = sp.compare_weights({"chain": chain, **several}, prior=sp.Prior("beta"), **how)
    assert with_beta.probabilities.notna().all()


def test_marginals_of_one_likelihood_where_corrections_differ(several, early):
    """Without the correction for all, by stacks, and for a function that is not ours by its fits."""

    def mine(formula, data, w, *, entity, time, effects):
        return sp.sar(formula, data, w, entity=entity, time=time, effects=effects, correction="additive")

    result = sp.compare_weights(several, model=[sp.sar, mine], formula=FORMULA, data=early, effects="twoway", **KEYS)
    assert "Lee-Yu" in str(result)
    for name, w in several.items():
        want = log_marginal(sp.sar(FORMULA, early, w, effects="twoway", **KEYS), correction=False)
        for model in ("SAR", "MINE"):
            assert result.log_marginals[name, model] == pytest.approx(want, abs=1e-5)
