"""Log-determinants, inverses and fits beyond a few hundred units: each method against the dense answer."""

import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial import cKDTree

import spatial as sp
from spatial.effects import by_order
from spatial.logdet import (
    Asymmetric,
    Cholmod,
    Factorised,
    Quadrature,
    Spectrum,
    asymmetric,
    exact,
    extreme_interval,
    intervals,
    logdet,
    symmetrizer,
)
from spatial.logdet import inverse as _inverse
from spatial.logdet.inverse import Inverse
from spatial.logdet.structure import similar
from spillover.errors import SpatialInputError
from spillover.matrix import as_weights

COMMON = settings(max_examples=20, deadline=None, derandomize=True)


def queen(side, *, row=True):
    band = sparse.diags_array([np.ones(side - 1), np.ones(side), np.ones(side - 1)], offsets=[-1, 0, 1])
    A = sparse.csr_array(sparse.kron(band, band))
    A.setdiag(0)
    A.eliminate_zeros()
    return sparse.csr_array(sparse.diags_array(1 / A.sum(axis=1)) @ A) if row else A


def nearest(n, k=4, seed=0):
    """k nearest neighbors: not symmetric, many complex eigenvalues."""
    points = np.random.default_rng(seed).random((n, 2))
    at = cKDTree(points).query(points, k + 1)[1][:, 1:]
    return sparse.csr_array((np.full(n * k, 1 / k), (np.repeat(np.arange(n), k), at.ravel())), shape=(n, n))


def one_way(n):
    """Every unit follows the next three on a ring: all but two eigenvalues are complex."""
    i = np.arange(n)
    return sum(sparse.csr_array((np.full(n, 1 / 3), (i, (i + s) % n)), shape=(n, n)) for s in (1, 2, 3))


def patchwork(seed=0):
    """Several components with weights of their own, and islands; D^-1 A with a D that is not the row sums."""
    rng = np.random.default_rng(seed)
    blocks = []
    for size in (150, 120, 80):
        A = sparse.random_array((size, size), density=5 / size, random_state=rng)
        A = A + A.T + sparse.diags_array(np.ones(size - 1), offsets=1, shape=(size, size))
        blocks.append(sparse.csr_array(A + A.T))
    A = sparse.csr_array(sparse.block_diag([*blocks, sparse.csr_array((5, 5))]))
    A.setdiag(0)
    A.eliminate_zeros()
    d = rng.uniform(0.5, 2, A.shape[0]) * np.maximum(A.sum(axis=1), 1)
    return sparse.csr_array(sparse.diags_array(1 / d) @ A)


WEIGHTS = {"queen": queen(20), "binary": queen(20, row=False), "nearest": nearest(400), "one way": one_way(401),
           "patchwork": patchwork()}  # fmt: skip


def labelled(W):
    return as_weights(W, ids=range(W.shape[0]))


def data_for(W, rho=0.5, seed=1):
    rng = np.random.default_rng(seed)
    n = W.shape[0]
    X = rng.standard_normal((n, 2))
    mean = 1 + X @ [1, -1] + 0.5 * (W @ X[:, 0])
    y = sparse.linalg.spsolve(sparse.csc_array(sparse.eye_array(n) - rho * W), mean + rng.standard_normal(n))
    return pd.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1]})


# -- the interval, the curve ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_interval_is_that_of_the_real_eigenvalues(name):
    W = WEIGHTS[name]
    values = np.linalg.eigvals(W.toarray())
    real = values.real[np.abs(values.imag) < 1e-9]
    scale = symmetrizer(W)
    lo, hi = extreme_interval(W if scale is None else similar(W, scale), scale is not None)
    assert hi == pytest.approx(1 / real.max(), rel=1e-6)
    if name == "one way":  # its one negative real eigenvalue is hidden behind complex ones: safe is enough
        assert 1 / real.min() if real.min() < 0 else -np.inf <= lo <= -1 / np.abs(values).max() + 1e-9
    else:
        assert lo == pytest.approx(1 / real.min(), rel=1e-6)


@pytest.mark.parametrize("name", ["queen", "binary", "patchwork"])
def test_a_matrix_that_scales_to_symmetry_is_recognised(name):
    W = WEIGHTS[name]
    d = symmetrizer(W)
    assert abs(sparse.diags_array(d) @ W - (sparse.diags_array(d) @ W).T).max() < 1e-12
    assert symmetrizer(WEIGHTS["nearest"]) is None


@pytest.mark.parametrize("name", WEIGHTS)
def test_windows_follow_the_dense_determinant(name):
    W = WEIGHTS[name].toarray()
    L = logdet(labelled(WEIGHTS[name]), "sparse")
    hi = L.interval[1]
    for low, high in ((0.4 * hi, 0.5 * hi), (-0.3 * hi, -0.1 * hi), (0.88 * hi, 0.93 * hi)):
        window = L.near(low, high)
        for rho in np.linspace(low, high, 4):
            G = W @ np.linalg.inv(np.eye(len(W)) - rho * W)
            assert window.value(rho) == pytest.approx(np.linalg.slogdet(np.eye(len(W)) - rho * W)[1], abs=5e-7)
            assert window.d1(rho) == pytest.approx(-np.trace(G), rel=1e-6, abs=1e-4)
            assert window.d2(rho) == pytest.approx(-np.trace(G @ G), rel=1e-4, abs=1e-2)


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_stochastic_curve_honours_its_error(name):
    w = labelled(WEIGHTS[name])
    L, exactly = logdet(w, "stochastic"), logdet(w, "eigen")
    assert isinstance(L, Quadrature)
    assert "stochastic" in L.method
    hi = exactly.interval[1]
    for rho in hi * np.array([-0.5, 0.2, 0.6, 0.9]):
        for order, pair in enumerate(zip((L.value, L.d1, L.d2), (exactly.value, exactly.d1, exactly.d2))):
            gap = abs(pair[0](rho) - pair[1](rho))
            assert gap <= 4.5 * L.error(rho, order) + 1e-7 * abs(pair[1](rho)) + 1e-8, (rho, order)
    for k in range(1, 5):
        assert L.moment(k) == (pytest.approx(np.trace(np.linalg.matrix_power(w.csr.toarray(), k)), abs=1e-8), 0.0)
    value, error = L.moment(7)
    assert 0 < abs(value - (exactly.eigenvalues**7).sum().real) < 4.5 * error


# -- fits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["sdm", "sem", "sac"])
@pytest.mark.parametrize("name", WEIGHTS)
def test_factorisations_give_the_fit_of_eigenvalues(name, model):
    W = WEIGHTS[name]
    top = 1 / logdet(labelled(W), "eigen").interval[1]
    data = data_for(W, rho=0.5 / top)
    literal = {"durbin": []} if model == "sac" else {}  # with W 1 the likelihood is too flat for five digits
    a, b = (getattr(sp, model)("y ~ a + b", data, labelled(W), logdet=m, **literal) for m in ("eigen", "sparse"))
    part = b._sample.lag or b._sample.error
    assert isinstance(part.logdet, Factorised)
    np.testing.assert_allclose(b.params, a.params, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-5)
    assert b.loglik == pytest.approx(a.loglik, abs=5e-7)
    if a.specification.lag:
        wide, narrow = (f.effects(draws=300, seed=3) for f in (a, b))
        np.testing.assert_allclose(narrow.estimates, wide.estimates, rtol=1e-6, atol=1e-8)
        near = (name, model) == ("binary", "sac")  # 2.4 standard errors from a pole of the effects: tails differ
        np.testing.assert_allclose(narrow.std_errors, wide.std_errors, rtol=0.04 if near else 1e-3)


def test_a_single_w_without_symmetry_needs_few_factorisations():
    """And no eigenvalues; many replicates share these. Traces are exact where they can be."""
    w = labelled(nearest(250, k=6))
    data = data_for(w.csr)
    L, exactly = logdet(w), logdet(w, "eigen")
    assert isinstance(L, Asymmetric)
    assert L.method == "band LU"
    np.testing.assert_allclose(L.interval, exactly.interval, rtol=1e-7)
    fit, by_eigenvalues = (sp.sdm("y ~ a + b", data, w, logdet=method) for method in (None, "eigen"))
    L = fit._sample.lag.logdet
    assert 0 < L.factorisations <= 16
    assert np.abs((fit.params - by_eigenvalues.params) / by_eigenvalues.std_errors).max() < 1e-6
    assert L.coarse.moment(4) == pytest.approx((np.trace(np.linalg.matrix_power(w.csr.toarray(), 4)), 0.0), abs=1e-8)
    y = np.random.default_rng(3).standard_normal((4, 1, 250)) + fit._design.y
    assert isinstance(L.whole, Spectrum)
    np.testing.assert_array_equal(sp.refit(fit, y=y).params, sp.refit(by_eigenvalues, y=y).params)


def test_the_interval_where_the_quick_way_is_not_sure(monkeypatch):
    """By all eigenvalues where they are few, else by Arnoldi's method with restarts."""
    W = nearest(400)
    want = logdet(labelled(W), "eigen").interval
    monkeypatch.setattr(intervals, "STEPS", (2,))
    np.testing.assert_allclose(asymmetric(W, None).interval, want, rtol=1e-10)
    monkeypatch.setattr(intervals, "EIGEN_MAX", 10)
    assert np.isnan(intervals.Intervals(400, W).exact[0]).all()
    np.testing.assert_allclose(asymmetric(W, None).interval, want, rtol=1e-6)


def one_sided(n, k, seed=0):
    """Every unit follows k of the eight next on a ring, or one anywhere: complex eigenvalues far out."""
    rng = np.random.default_rng(seed)
    near = [(i + rng.choice(8, k, replace=False) + 1) % n for i in range(n)]
    W = np.zeros((n, n))
    W[np.repeat(np.arange(n), k), np.concatenate(near) if k > 1 else rng.integers(n, size=n)] = 1
    np.fill_diagonal(W, 0)
    return sparse.csr_array(W / np.maximum(W.sum(axis=1, keepdims=True), 1))


@pytest.mark.parametrize("rho", [-0.4, 0.3, 0.85])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_complex_eigenvalues_next_to_the_real_line(k, rho):
    W = one_sided(210, k)
    w, data = labelled(W), data_for(W, rho)
    assert isinstance(logdet(w), Asymmetric)
    for model in (sp.sar, sp.sem):
        result, want = (model("y ~ a + b", data, w, logdet=method) for method in (None, "eigen"))
        assert np.abs((result.params - want.params) / want.std_errors).max() < 1e-6
        np.testing.assert_allclose(result.std_errors, want.std_errors, rtol=1e-6)
        assert result.loglik == pytest.approx(want.loglik, abs=1e-7)


@pytest.mark.parametrize("n", [40, 250])
def test_w_without_cycles(n):
    """Earlier sales for neighbors: all eigenvalues are zero, so rho has no ends and maximum likelihood is least
    squares of y on W y and X."""
    rng = np.random.default_rng(1)
    W = np.tril(rng.random((n, n)) < 6 / n, -1).astype(float)
    W /= np.maximum(W.sum(axis=1, keepdims=True), 1)
    w = labelled(sparse.csr_array(W))
    data = data_for(w.csr, 1.4)
    for method in (None, "eigen"):
        assert logdet(w, method).interval == (-np.inf, np.inf)
        fit = sp.sar("y ~ a + b", data, w, logdet=method, durbin=[])
        X = np.column_stack([np.ones(n), data[["a", "b"]], W @ data["y"]])
        want, sse, *_ = np.linalg.lstsq(X, data["y"], rcond=None)
        np.testing.assert_allclose(fit.params, want, rtol=1e-8)
        assert fit.sigma2 == pytest.approx(sse[0] / n)
    many = sp.compare_weights({"a": w, "b": labelled(W.T), "c": w}, model=sp.sar, formula="y ~ a + b", data=data,
                              durbin=[])  # fmt: skip
    np.testing.assert_allclose(many["a"].params, fit.params, rtol=1e-9)


@pytest.mark.parametrize("cycles", [True, False])
@pytest.mark.parametrize("size", [1e-5, 1e4])
def test_rho_has_the_units_of_one_over_w(size, cycles):
    """However small or large the weights: distances in metres make an interval of hundreds of thousands."""
    W = nearest(60) if cycles else sparse.csr_array(np.tril(nearest(60).toarray()))
    data = data_for(W)
    fit, other = (sp.sar("y ~ a + b", data, labelled(c * W)) for c in (1.0, size))
    assert other.rho * size == pytest.approx(fit.rho, rel=1e-6)
    assert other.loglik == pytest.approx(fit.loglik, abs=1e-7)


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.97])
def test_the_search_finds_the_maximum_anywhere(rho):
    W = WEIGHTS["queen"]
    data = data_for(W, rho)
    a, b = (sp.sar("y ~ a + b", data, labelled(W), logdet=m) for m in ("eigen", "sparse"))
    assert b.rho == pytest.approx(a.rho, abs=1e-7)
    assert b.std_errors["rho"] == pytest.approx(a.std_errors["rho"], rel=1e-5)


def test_one_w_is_factorised_once_for_fits_tests_and_effects():
    w = labelled(queen(50))
    data = data_for(w.csr)
    fit = sp.sdm("y ~ a + b", data, w)
    L = fit._sample.lag.logdet
    before = L.factorisations
    assert 0 < before <= 33
    again = sp.sdm("y ~ a + b", data, labelled(w.csr.copy()))
    assert again._sample.lag.logdet is L
    assert L.factorisations == before
    again.effects()  # its distribution reaches further from rho than the likelihood's window
    reached = L.factorisations
    assert reached <= 2 * before
    fit.effects(), again.effects(level=0.9)
    assert L.factorisations == reached
    assert "sparse LU, symmetrised" in str(sp.sdm("y ~ a + b", data, w, logdet="sparse"))


def test_cholmod_is_the_same_determinant():
    pytest.importorskip("cvxopt")
    W = WEIGHTS["patchwork"]
    S = similar(W, symmetrizer(W))
    both = Cholmod(S), exact.SparseLU(S, True)
    for rho in (-0.3, 0.2, 0.45):
        assert both[0](rho) == pytest.approx(both[1](rho), abs=1e-10)
    with pytest.raises(SpatialInputError, match=r"E501.*not similar"):
        logdet(labelled(WEIGHTS["nearest"]), "cholmod")


def test_what_does_not_fit_is_refused_with_figures_or_estimated(monkeypatch):
    W = WEIGHTS["queen"]
    data = data_for(W)
    monkeypatch.setattr("spatial.logdet.choose.memory", lambda: 1e5)
    logdet.cache_clear()
    for method in ("eigen", "sparse"):
        with pytest.raises(SpatialInputError, match=r"E309.*GB"):
            sp.sdm("y ~ a + b", data, labelled(W), logdet=method)
    fit = sp.sdm("y ~ a + b", data, labelled(W))
    assert "stochastic Lanczos quadrature, 100 probes" in str(fit)
    monkeypatch.undo()
    logdet.cache_clear()
    right = sp.sdm("y ~ a + b", data, labelled(W), logdet="eigen")
    off = fit._sample.lag.logdet.error(fit.rho, 1) * right.std_errors["rho"] ** 2  # d1's error over the curvature
    assert abs(fit.rho - right.rho) < 4.5 * off < 0.2 * right.std_errors["rho"]


# -- inverse and effects ------------------------------------------------------------------------------------------


@COMMON
@given(seed=st.integers(0, 10_000), n=st.integers(5, 60))
def test_selected_inverse_is_the_inverse(seed, n):
    from spatial.kernels import elimination

    rng = np.random.default_rng(seed)
    A = sparse.random_array((n, n), density=3 / n, random_state=rng)
    A = sparse.csc_array(A + A.T + sparse.diags_array(3.0 + rng.random(n) + np.asarray((A + A.T).sum(axis=1))))
    A.sort_indices()
    indptr, indices = A.indptr.astype(np.int64), A.indices.astype(np.int64)
    parent, below = elimination.column_sizes(indptr, indices, n * n)
    start = np.concatenate([[0], np.cumsum(below)])
    rows, values, D = elimination.ldl(indptr, indices, A.data, parent, start)
    L = np.eye(n)
    L[rows, np.repeat(np.arange(n), below)] = values
    np.testing.assert_allclose(L * D @ L.T, A.toarray(), atol=1e-10)
    got = elimination.inverse_diagonal(start, rows, values, D)
    np.testing.assert_allclose(got, np.linalg.inv(A.toarray()).diagonal(), rtol=1e-9)


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("iterate", [False, True])
def test_solves_and_diagonals_of_every_kind(name, iterate, monkeypatch):
    W = WEIGHTS[name]
    rho = 0.6 * logdet(labelled(W), "eigen").interval[1]
    dense = np.linalg.inv(np.eye(W.shape[0]) - rho * W.toarray())
    monkeypatch.setattr(_inverse, "DENSE_MAX", 10)
    monkeypatch.setattr(_inverse, "DIAGONAL_DENSE", 10)
    monkeypatch.setattr(exact, "ORDER_ONCE", 100)
    monkeypatch.setattr(_inverse, "ITERATE_ABOVE", 100 if iterate else 10_000)
    A_inverse = Inverse(labelled(W), rho)
    right = np.random.default_rng(2).standard_normal((W.shape[0], 2))
    np.testing.assert_allclose(A_inverse.solve(right), dense @ right, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(A_inverse.solve(right[:, 0], transposed=True), dense.T @ right[:, 0], atol=1e-9)
    diagonal, error = A_inverse.diagonal()
    if symmetrizer(W) is not None:
        assert error is None
        np.testing.assert_allclose(diagonal, dense.diagonal(), rtol=1e-9)
    else:
        z = (diagonal - dense.diagonal()) / np.maximum(error, 1e-12)
        assert np.abs(z).max() < 6
        assert np.mean(np.abs(z) < 1.96) > 0.85


def test_effects_by_unit_group_and_order_without_dense_matrices(monkeypatch):
    W = WEIGHTS["queen"]
    fit = sp.sdm("y ~ a + b", data_for(W), labelled(W))
    eff = fit.effects(draws=10)
    units, orders, S = eff.by_unit("a"), eff.by_order(8), eff.matrix("a").to_numpy()
    np.testing.assert_allclose(units["own"], S.diagonal(), rtol=1e-9)
    np.testing.assert_allclose(units["emitted"], S.sum(axis=0) - S.diagonal(), rtol=1e-8)
    groups = pd.Series(np.where(np.arange(400) % 20 < 8, "west", "east"), index=range(400)).sample(
        frac=1, random_state=1
    )
    blocks = eff.by_group(groups, "a")
    at = groups.sort_index() == "west"
    assert blocks.loc["east", "west"] == pytest.approx(S[np.ix_(~at, at)].sum() / (~at).sum())
    assert (blocks.sum(axis=1) * [(~at).mean(), at.mean()]).sum() == pytest.approx(eff.total["a"])
    monkeypatch.setattr(by_order, "DENSE_MAX", 100)
    rough = sp.sdm("y ~ a + b", data_for(W), labelled(W), logdet="sparse").effects(draws=10).by_order(8)
    assert (rough["error"][orders["order"] < 4] == 0).all()
    assert (rough["error"] > 0).any()
    gap = (rough["estimate"] - orders["estimate"]).abs()
    assert (gap <= 5 * rough["error"] + 1e-9).all()


@pytest.mark.slow
def test_fifty_thousand_units_in_a_gigabyte():
    """A new process, so that the peak is this fit's."""
    code = (
        "import spatial as sp, resource, numpy as np\n"
        "from tests.spatial.logdet.test_any_size import queen, data_for, labelled\n"
        "W = queen(224); fit = sp.sdm('y ~ a + b', data_for(W), labelled(W), logdet='sparse'); fit.effects()\n"
        "assert abs(fit.rho - 0.5) < 5 * fit.std_errors['rho']\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 1e9
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


@pytest.mark.parametrize(("groups", "model"), [(25, "sar"), (60, "sem"), (25, "sdm")])
def test_groups_whose_interval_reaches_far_below_minus_one(groups, model):
    """The smallest of many groups bounds rho by minus its size less one, where powers of rho have no bound."""
    sizes = np.linspace(0.5, 1.5, groups)
    code = np.searchsorted(np.round(np.cumsum(sizes) / sizes.sum() * 450), np.arange(450), side="right")
    W = sparse.csr_array((code[:, None] == code) * 1.0 - np.eye(450))
    W = sparse.csr_array(sparse.diags_array(1 / W.sum(axis=1)) @ W)
    data = data_for(W, 0.4)
    exact, sparse_fit = (getattr(sp, model)("y ~ a + b", data, labelled(W), logdet=m) for m in ("eigen", "sparse"))
    np.testing.assert_allclose(sparse_fit.params, exact.params, atol=1e-6)
    np.testing.assert_allclose(sparse_fit.std_errors, exact.std_errors, rtol=1e-5)
