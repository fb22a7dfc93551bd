"""W in stacks: the numbers of single fits, whatever stands beside a W; and the determinants that make it quick."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import spatial as sp
import weights as wt
from spatial.compare.estimates import of_fit
from spatial.compare.stacked import estimates_of
from spatial.logdet import banded, eliminated, intervals, rough, symmetrizer
from spatial.logdet.many import determinants
from spatial.logdet.spectra import Spectra, spectra
from spatial.logdet.spectrum import Spectrum
from spatial.logdet.stacked import Curves, curves, logistic, logit
from spatial.logdet.structure import admissible_interval
from spatial.models.estimate import fit_of
from spatial.models.family import SAR, reading_of
from spatial.models.stack import can_stack, stacked
from spillover.errors import SpatialInputError
from spillover.matrix import as_weights

PANEL = {"entity": "unit", "time": "year"}
FEW, MANY = 6, 10_000  # W of a whole call: with many, elimination is compiled
NUMBERS = ("params", "covariance", "sigma2", "loglik", "log_marginal")


def built(N, T, seed=0, rho=0.4):
    """A panel with a spatial lag, and W of several kinds over its units."""
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"u{i:03d}" for i in range(N)])
    xy = rng.random((N, 2)) * 100
    ws = [wt.knn(xy + rng.standard_normal(xy.shape), k, ids=ids, metric="planar").standardize("row") for k in (3, 4, 6)]
    ws += [wt.gabriel(xy, ids=ids, metric="planar").standardize("row"),
           wt.gabriel(xy, ids=ids, metric="planar").standardize("spectral"),
           wt.from_sparse(1.7 * ws[1].csr, ids=ids)]  # fmt: skip
    W = ws[2].csr.toarray()
    a, b = rng.standard_normal((2, T, N))
    y = np.linalg.solve(np.eye(N) - rho * W, (a - 0.5 * b + 0.3 * a @ W.T + rng.standard_normal((T, N)) + 2).T).T
    data = pd.DataFrame({"unit": np.tile(ids, T), "year": np.repeat(np.arange(T), N), "y": y.ravel(), "a": a.ravel(),
                         "b": b.ravel()})  # fmt: skip
    return data, [as_weights(w) for w in ws]


@pytest.fixture(scope="module", params=[(23, 6, FEW), (130, 4, FEW), (130, 4, MANY)],
                ids=["eigenvalues", "bands", "elimination"])  # fmt: skip
def panel(request):
    """Data, W, and among how many W they are meant to be."""
    N, T, among = request.param
    return *built(N, T), among


CASES = [(model, {"effects": effects, "correction": correction}) for model in ("slx", "sar", "sem", "sdm", "sdem")
         for effects in ("none", "entity", "time", "twoway") for correction in (True, False)]  # fmt: skip
CASES += [("sdm", {"durbin": ["b"], "effects": "twoway"}), ("sdem", {"wx_order": 2, "effects": "entity"})]


@pytest.mark.parametrize("prior", [sp.Prior(), sp.Prior("beta", "diffuse", a=2.0)], ids=["g", "beta"])
@pytest.mark.parametrize(("model", "options"), CASES)
def test_a_stack_is_its_fits(model, options, prior, panel):
    """Estimates to a millionth of a standard error, everything else to as many digits as matter."""
    data, weights, among = panel
    function, how = getattr(sp, model), {**PANEL, **options}
    lead = reading_of(function, "y ~ a + b", data, weights[0], how)
    assert can_stack(lead)
    result = estimates_of(lead, weights, prior, among)
    stacked_here = 0
    for w, one in zip(weights, result):
        if one is None:
            continue
        stacked_here += 1
        want = of_fit(function("y ~ a + b", data, w, **how), prior)
        errors = np.sqrt(np.diag(want.covariance))
        assert np.abs((one.params - want.params) / errors).max() < 1e-6
        assert np.abs((one.covariance - want.covariance) / np.outer(errors, errors)).max() < 1e-5
        assert one.sigma2 == pytest.approx(want.sigma2, rel=1e-7)
        assert one.loglik == pytest.approx(want.loglik, abs=1e-5)
        assert one.log_marginal == pytest.approx(want.log_marginal, abs=1e-5)
        for name in ("model", "names", "n", "parameters", "correction", "links"):
            assert getattr(one, name) == getattr(want, name), name
    assert stacked_here >= 3


def test_a_stack_does_not_matter(panel):
    """Bit by bit the same alone, beside others and in another order: what makes workers and resuming harmless."""
    data, weights, among = panel
    how = {**PANEL, "effects": "entity"}
    for model in (sp.sdm, sp.sdem):
        lead = reading_of(model, "y ~ a + b", data, weights[0], how)
        together = estimates_of(lead, weights, sp.Prior(), among)
        backwards = estimates_of(lead, weights[::-1], sp.Prior(), among)[::-1]
        alone = [estimates_of(lead, [w], sp.Prior(), among)[0] for w in weights]
        for one, other, third in zip(together, backwards, alone):
            for name in NUMBERS:
                assert np.array_equal(getattr(one, name), getattr(other, name))
                assert np.array_equal(getattr(one, name), getattr(third, name))


def test_what_a_stack_cannot_do_is_done_alone(panel):
    """Islands under two-way effects, no links, W that vary, another W's units; a W X that the effects absorb."""
    data, weights, among = panel
    ids, n = weights[0].ids, weights[0].n
    how = {**PANEL, "effects": "twoway"}
    lead = reading_of(sp.sar, "y ~ a + b", data, weights[0], how)
    island = weights[0].without_links_of(np.arange(n) == 3)
    empty = as_weights(wt.from_dense(np.zeros((n, n)), ids=ids))
    stack = stacked(lead, [island, weights[1], None, empty], among)
    assert stack.which.tolist() == [1]
    mean = wt.from_dense(np.ones((n, n)) / n, ids=ids, allow_self=True)  # W x is the same for all units
    assert stacked(reading_of(sp.sdm, "y ~ a + b", data, weights[0], how), [mean], among) is None
    mixed = sp.compare_weights({"island": island, **dict(zip("abcd", weights[:4]))}, model=sp.sar, formula="y ~ a + b",
                               data=data, **how)  # fmt: skip
    assert [one.correction for one in mixed.estimates.values()] == 5 * ["True"]
    assert list(mixed.fits._built) == ["island"]  # the others are in a stack
    for options in ({"vcov": "robust"}, {"effects": "random"}, {"logdet": "sparse"}):
        assert not can_stack(reading_of(sp.sar, "y ~ a + b", data, weights[0], {**how, **options}))
    assert not can_stack(reading_of(sp.sac, "y ~ a + b", data, weights[0], how))


def test_refits_under_other_w_are_single_fits(panel):
    data, weights, _ = panel
    how = {**PANEL, "effects": "entity"}
    lead = sp.sdm("y ~ a + b", data, weights[0], **how)
    many = sp.refit(lead, w=weights[:4], std_errors=True)
    plain = sp.refit(lead, w=weights[:4])
    for r, w in enumerate(weights[:4]):
        alone = sp.sdm("y ~ a + b", data, w, **how)
        np.testing.assert_allclose(many.params[r], alone.params, atol=1e-6 * alone.std_errors.min())
        np.testing.assert_allclose(many.std_errors[r], alone.std_errors, rtol=1e-6)
        assert many.loglik[r] == pytest.approx(alone.loglik, abs=1e-5)
    np.testing.assert_array_equal(plain.params, many.params)


@pytest.fixture(scope="module")
def matrices():
    return [w.csr for w in built(90, 2)[1]]


@pytest.mark.parametrize("among", [FEW, MANY])
@pytest.mark.parametrize("model", ["sdm", "sem"])
@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.8])
def test_any_dependence_stays_in_the_stack(rho, model, among):
    """Every W, to a millionth of a standard error, though rough curves are rough at strong dependence and what they
    lack is flat near none."""
    data, weights = built(130, 12, seed=5, rho=rho)
    distance = wt.inverse_distance(np.random.default_rng(5).random((130, 2)), ids=weights[0].ids, metric="planar")
    if rho < 0.8:  # else its estimate is so near one that the integral is left to a single fit
        weights.append(as_weights(distance.standardize("row")))  # full
    function, how = getattr(sp, model), {**PANEL, "effects": "entity"}
    result = estimates_of(reading_of(function, "y ~ a + b", data, weights[0], how), weights, sp.Prior(), among)
    for w, one in zip(weights, result):
        want = of_fit(function("y ~ a + b", data, w, **how, logdet="eigen"), sp.Prior())
        errors = np.sqrt(np.diag(want.covariance))
        assert np.abs((one.params - want.params) / errors).max() < 1e-6
        assert np.abs((one.covariance - want.covariance) / np.outer(errors, errors)).max() < 1e-5
        assert one.log_marginal == pytest.approx(want.log_marginal, abs=1e-6)


@pytest.mark.parametrize("engines", [banded.bands, eliminated.eliminations])
def test_engines_are_dense_determinants(matrices, engines):
    """For any sign and size of rho, inside the interval and out; with weights of both signs, where rows must be
    exchanged, and with so many links that there would be too much fill."""
    rng, points = np.random.default_rng(3), np.array([-2.9, -0.7, 0.0, 0.3, 0.99, 1.8])
    signed = rng.standard_normal((90, 90)) * (rng.random((90, 90)) < 0.03)
    whole = wt.knn(rng.random((90, 2)), 40, metric="planar").standardize("row").csr
    first = sparse.csr_array(np.eye(90) / 0.3 + np.roll(np.eye(90), 1, axis=1))  # pivots of zero at one of the points
    matrices = [*matrices, sparse.csr_array(signed), whole, first]
    for csr, engine in zip(matrices, engines(banded.side_by_side(matrices), 90)):
        dense = np.eye(90) - points[:, None, None] * csr.toarray()
        np.testing.assert_allclose(engine(points), np.linalg.slogdet(dense)[1], rtol=1e-9, atol=1e-9)


def test_elimination_goes_on_with_exchange_where_it_must(matrices):
    """By the size of the multipliers; a band is used where a triangular factor would be full."""
    rng = np.random.default_rng(3)
    signed = sparse.csr_array(rng.standard_normal((90, 90)) * (rng.random((90, 90)) < 0.03))
    whole = wt.knn(rng.random((90, 2)), 40, metric="planar").standardize("row").csr
    *plain, needy, full = eliminated.eliminations(banded.side_by_side([*matrices, signed, whole]), 90)
    for engine in (*plain[:4], needy):
        engine(np.array([0.4, 0.9, -0.9]))
    assert not any("with_exchange" in vars(engine) for engine in plain[:4])  # rows that sum to one
    assert "with_exchange" in vars(needy)
    assert isinstance(full, banded.Band)


def test_traces_are_those_of_powers(matrices):
    """Also of a W with weights of its own."""
    blocks = banded.side_by_side([*matrices, sparse.csr_array(matrices[0] + 0.2 * np.eye(90))])
    want = [[np.trace(np.linalg.matrix_power(blocks[r : r + 90, r : r + 90].toarray(), k)) for r in range(0, 630, 90)]
            for k in (1, 2, 3)]  # fmt: skip
    for result in (rough.traces(blocks, 90), eliminated.traces(blocks, 90)):
        np.testing.assert_allclose(result, want, rtol=1e-12, atol=1e-12)


def test_intervals_are_those_of_all_eigenvalues(matrices):
    """Also of a ring in one direction (complex ones on a circle), a chequered lattice (-1), two maps that do not touch,
    weights of both signs."""
    rng = np.random.default_rng(4)
    far = np.concatenate([rng.random((45, 2)), 9 + rng.random((45, 2))])
    more = [np.roll(np.eye(90), 1, axis=1), wt.lattice(9, 10).standardize("row").csr,
            wt.knn(far, 4, metric="planar").standardize("row").csr,
            np.where(rng.random((90, 90)) < 0.1, rng.standard_normal((90, 90)), 0)]  # fmt: skip
    matrices = [*matrices, *(sparse.csr_array(m) for m in more)]
    low, high = intervals.Intervals(90, banded.side_by_side(matrices)).exact
    want = np.array([admissible_interval(np.linalg.eigvals(csr.toarray())) for csr in matrices])
    np.testing.assert_allclose(np.array([low, high]).T, want, rtol=1e-7)


def test_the_second_look_is_at_what_the_first_left(matrices, monkeypatch):
    """Few steps leave some W unsure; more steps, for those alone, find the true ends; nobody else's change by a bit."""
    blocks = banded.side_by_side(matrices)
    monkeypatch.setattr(intervals, "EIGEN_MAX", 0)
    monkeypatch.setattr(intervals, "STEPS", (7,))
    first = intervals.Intervals(90, blocks).exact[0]
    monkeypatch.setattr(intervals, "STEPS", (7, 24))
    second = intervals.Intervals(90, blocks).exact[0]
    sure = np.isfinite(first)
    assert 0 < sure.sum() < np.isfinite(second).sum()
    np.testing.assert_array_equal(second[sure], first[sure])
    want = np.array([admissible_interval(np.linalg.eigvals(csr.toarray()))[0] for csr in matrices])
    np.testing.assert_allclose(second[np.isfinite(second)], want[np.isfinite(second)], rtol=1e-7)


def test_spectra_are_all_eigenvalues(matrices):
    """Of similar symmetric matrices where there are; no bit of them depends on what stands beside."""
    rng = np.random.default_rng(2)
    distance = wt.inverse_distance(rng.random((90, 2)), metric="planar").standardize("row")
    matrices = [*matrices, distance.csr, sparse.csr_array(rng.random((90, 90)))]
    result = spectra(banded.side_by_side(matrices), 90)
    symmetric = [csr for csr in matrices if symmetrizer(csr) is not None]
    assert 0 < len(symmetric) < len(matrices)
    assert np.isrealobj(spectra(banded.side_by_side(symmetric), 90).eigenvalues)
    for r, csr in enumerate(matrices):
        want = np.linalg.eigvals(csr.toarray())
        np.testing.assert_allclose(np.sort_complex(result.eigenvalues[r]).real, np.sort(want.real), atol=1e-6)
        np.testing.assert_allclose((result.low[r], result.high[r]), admissible_interval(want), rtol=1e-9)
        alone = spectra(banded.side_by_side([csr]), 90)
        np.testing.assert_array_equal(alone.eigenvalues[0], result.eigenvalues[r])
        assert (alone.low[0], alone.high[0]) == (result.low[r], result.high[r])


@pytest.mark.parametrize("among", [FEW, MANY])
def test_full_w_are_set_aside_before_anything_is_made_of_them(among, monkeypatch):
    """Of many units: products of theirs would take longer than all the rest."""
    weights = [as_weights(wt.knn(np.random.default_rng(0).random((310, 2)), k, metric="planar")) for k in (3, 290, 4)]
    seen = []
    for module in (rough, eliminated):
        monkeypatch.setattr(module, "traces", lambda blocks, n: seen.append(blocks.nnz) or np.zeros((3, 2)))
    result = determinants(tuple(weights), among)
    assert result.kept.tolist() == [0, 2]
    assert seen == [weights[0].nnz + weights[2].nnz]
    assert not len(determinants((weights[1],), among).kept)


@pytest.mark.parametrize("among", [FEW, MANY])
def test_full_w_of_some_hundred_units_have_their_eigenvalues(among):
    """Among others, in any order: exact values, intervals and traces."""
    weights = built(130, 2)[1]
    points, near = np.random.default_rng(0).random((130, 2)), {"ids": weights[0].ids, "metric": "planar"}
    distance, most = wt.inverse_distance(points, **near).standardize("row"), wt.knn(points, 110, **near)
    mixed = (as_weights(distance), *weights[:2], as_weights(most), weights[4])
    result = determinants(mixed, among)
    assert result.kept.tolist() == [0, 1, 2, 3, 4]
    for r, engine in enumerate(result.engines):
        W = mixed[r].csr.toarray()
        low, high = admissible_interval(np.linalg.eigvals(W))
        np.testing.assert_allclose(result.intervals(np.array([4, r]))[:, 1], (low, high), rtol=1e-7)
        rho = np.array([0.4 * low, 0.9 * high])
        dense = np.eye(130) - rho[:, None, None] * W
        np.testing.assert_allclose(engine(rho), np.linalg.slogdet(dense)[1], rtol=1e-9, atol=1e-9)
        slope = result.curves.take([r]).d1(np.zeros(1))
        np.testing.assert_allclose(slope, -np.trace(W), atol=1e-8)


@pytest.mark.parametrize("place", [0.5, 0.0, -0.5], ids=["clear of zero", "around zero", "below zero"])
def test_curves_and_spectra_are_the_determinants(matrices, place):
    """Values and both derivatives, at one point a W and at many; joined and picked out again."""
    blocks = banded.side_by_side(matrices)
    low, high = np.array([admissible_interval(np.linalg.eigvals(csr.toarray())) for csr in matrices]).T
    base, engines = rough.from_traces(rough.traces(blocks, 90), 90, low, high), banded.bands(blocks, 90)
    centre = logit(place * high, low, high)
    made_of, settled = curves(engines, base, centre - 0.3, centre + 0.3, np.full(len(low), 1.0))
    assert settled.all()
    assert made_of.clear.all() == (place != 0)
    assert made_of.clear.any() == (place != 0)
    whole = Spectra(np.array([np.linalg.eigvals(csr.toarray()) for csr in matrices]), low, high)
    halves = Curves.joined([made_of.take(np.arange(2)), made_of.take(np.arange(2, len(low)))])
    v = centre[:, None] + np.linspace(-0.25, 0.25, 5)
    rho = logistic(v, low[:, None], high[:, None])
    for r, csr in enumerate(matrices):
        exact = Spectrum(np.linalg.eigvals(csr.toarray()), (low[r], high[r]))
        for name, size in (("value", 1e-7), ("d1", 1e-5), ("d2", 1e-3)):
            want = getattr(exact, name)(rho[r])
            for result in (whole, made_of, halves):
                values = getattr(result, name)
                np.testing.assert_allclose(values(rho)[r], want, atol=size * max(1, np.abs(want).max()))
                np.testing.assert_allclose(values(rho[:, 0])[r], want[0], atol=size * max(1, np.abs(want).max()))


def test_a_rough_curve_of_next_to_no_eigenvalues():
    """Two units that follow each other, and a chain behind them: all the other eigenvalues are zero."""
    W = sparse.csr_array((np.ones(50), (np.arange(50), [1, *range(49)])), shape=(50, 50))
    with np.errstate(all="raise"):
        base = rough.from_traces(rough.traces(W, 50), 50, np.array([-1.0]), np.array([1.0]))
        np.testing.assert_allclose(base.value(np.array([[0.3, -0.7]])), [np.log1p([-0.09, -0.49])], atol=1e-12)


def test_rough_curves_begin_with_the_traces(matrices):
    """And lack the fourth power of rho first."""
    blocks, n = banded.side_by_side(matrices), 90
    low, high = np.array([admissible_interval(np.linalg.eigvals(csr.toarray())) for csr in matrices]).T
    base = rough.from_traces(rough.traces(blocks, n), n, low, high)
    with np.errstate(all="raise"):  # right near zero: the first derivatives are the traces'
        np.testing.assert_allclose(base.d1(np.zeros(len(low))), [-csr.trace() for csr in matrices], atol=1e-8)
        squares = [-(csr @ csr).trace() for csr in matrices]
        np.testing.assert_allclose(base.d2(np.zeros(len(low))), squares, rtol=1e-8)
    rho = 0.02 * high
    lacks = np.array([np.linalg.slogdet(np.eye(n) - r * csr.toarray())[1] for r, csr in zip(rho, matrices)])
    fourth = [np.trace(np.linalg.matrix_power(csr.toarray(), 4)) for csr in matrices]
    want = ((base.shares * base.nodes**4).sum(axis=1) - fourth) / 4
    np.testing.assert_allclose((lacks - base.value(rho)) / rho**4, want, rtol=0.1)


@pytest.mark.parametrize(
    "options", [{"effects": "twoway"}, {"effects": "none"}, {"correction": False, "durbin": ["b"]}]
)
def test_data_are_read_once_for_all_w_and_models(panel, options):
    """To the last bit what the model's function gives; the function itself is asked where the regressors differ."""
    data, weights, _ = panel
    how = {**PANEL, "effects": "entity", **options}
    first = reading_of(sp.sdm, "y ~ a + b", data, weights[0], how)
    for model in (sp.slx, sp.sdem, sp.sdm):
        other = reading_of(model, "y ~ a + b", data, None, how, like=first)
        assert other.settings == reading_of(model, "y ~ a + b", data, weights[0], how).settings
        for w in weights[:2]:
            result, want = fit_of(other.under(w)), model("y ~ a + b", data, w, **how)
            pd.testing.assert_series_equal(result.params, want.params, check_exact=True)
            pd.testing.assert_frame_equal(result.vcov, want.vcov, check_exact=True)
            assert result.specification == want.specification
            assert (result._settings, result.df_resid) == (want._settings, want.df_resid)
    if "durbin" not in how:
        want = sp.sar("y ~ a + b", data, weights[0], **how)
        pd.testing.assert_series_equal(fit_of(first.of(SAR)).params, want.params, check_exact=True)
    assert reading_of(lambda *args, **keywords: None, "y ~ a + b", data, weights[0], how) is None
    assert not reading_of(sp.sdm, "y ~ a + b", data, weights[0], {**how, "missing": "drop"}).repeatable
    with pytest.raises(SpatialInputError, match="E502"):
        reading_of(sp.sdm, "y ~ a + c", data, weights[0], how)


def test_a_lagged_intercept_is_there_for_those_w_that_have_one(panel):
    """Whichever W comes first: rows that do not sum to one make W 1 a regressor."""
    data, weights, _ = panel
    ws, how = {"spectral": weights[4], **dict(zip("abc", weights[:3]))}, {**PANEL, "effects": "none"}
    for named in (ws, dict(reversed(ws.items()))):
        result = sp.compare_weights(named, model=[sp.sdm, sp.slx], formula="y ~ a + b", data=data, **how)
        for (name, model), one in result.estimates.items():
            want = getattr(sp, model.lower())("y ~ a + b", data, ws[name], **how)
            assert one.names == tuple(want.params.index)
            np.testing.assert_allclose(one.params, want.params, rtol=1e-5, atol=1e-7)
            assert ("W:Intercept" in one.names) == (name == "spectral")
