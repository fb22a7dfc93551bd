"""Refits against single fits through the public functions: equal to the last bit."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.covariance import bootstrap
from spillover import progress
from spillover.errors import SpatialInputError, SpatialInputWarning

from .test_estimators import PANEL, cross_section, panel_data

FORMULA = "y ~ a + b"
CASES = [(model, effects, True) for model in ("ols", "slx", "sar", "sdm", "sem", "sdem", "sac", "gns")
         for effects in ("none", "entity", "time", "twoway")]  # fmt: skip
CASES += [(model, "entity", correction) for model in ("sar", "sdm", "sem", "sdem", "sac")
          for correction in (False, "additive")]  # fmt: skip
CASES += [("sar", "twoway", "additive"), ("sdm", "time", "additive")]
CASES += [(model, "twoway", False) for model in ("sar", "sdm", "sem", "sdem", "sac")]


def wide(fit, stack):
    """Replicates (R, T, N) as a frame, in an order of its own."""
    d = fit._design
    index = pd.MultiIndex.from_product([d.times, d.ids], names=[d.times.name, d.ids.name]).swaplevel()
    return pd.DataFrame(stack.reshape(len(stack), -1).T, index=index).sample(frac=1, random_state=0)


def same(replicate, r, model, *arguments, **options):
    """Parameters, likelihood, standard errors and effects, bit by bit; or the same reason for having none."""
    if r in replicate.failed:
        with pytest.raises(SpatialInputError, match=replicate.failed[r][:4]):
            model(*arguments, **options)
        return
    fit = model(*arguments, **options)
    assert tuple(fit.params.index) == replicate.names
    assert (replicate.params[r] == fit.params.to_numpy()).all()
    assert replicate.loglik[r] == fit.loglik
    assert replicate.sigma2[r] == fit.sigma2
    assert (replicate.std_errors[r] == fit.std_errors.to_numpy()).all()
    assert (replicate.effects[r] == fit.effects(method="delta").estimates).all()


@pytest.mark.parametrize(("model", "effects", "correction"), CASES)
def test_replicates_are_single_fits_bit_by_bit(model, effects, correction):
    """New responses, a placebo regressor, both with relabelled units, and other weights."""
    data, W = panel_data(1, N=12, T=5)
    options = {**PANEL, "effects": effects, "correction": correction}
    model = getattr(sp, model)
    fit = model(FORMULA, data, W, **options)
    d, rng = fit._design, np.random.default_rng(2)
    y = d.y + rng.standard_normal((3, *d.y.shape))
    placebo = rng.standard_normal((3, *d.y.shape))
    places = np.array([rng.permutation(12) for _ in range(3)])
    all_three = {"y": y, "x": {"b": placebo}, "relabel": places, "std_errors": True, "effects": True}
    by_y = sp.refit(fit, y=y, std_errors=True, effects=True)
    by_all = sp.refit(fit, **all_three)
    labelled = sp.refit(fit, **{**all_three, "y": wide(fit, y), "x": {"b": wide(fit, placebo)}})
    others = [pd.DataFrame(np.roll(np.eye(12), k, axis=1), W.index, W.columns) for k in (1, 2, 4)]
    by_w = sp.refit(fit, w=others, std_errors=True, effects=True)
    np.testing.assert_allclose(sp.refit(fit, w=others).params, by_w.params, rtol=1e-7)  # estimates alone, in a stack
    for r in range(3):
        new = data.assign(y=y[r].ravel())
        same(by_y, r, model, FORMULA, new, W, **options)
        moved = new.assign(b=placebo[r].ravel())
        moved["id"] = moved["id"].map(dict(zip(d.ids[places[r]], d.ids)))
        same(by_all, r, model, FORMULA, moved, W, **options)
        same(labelled, r, model, FORMULA, moved, W, **options)
        same(by_w, r, model, FORMULA, data, others[r], **options)


@pytest.mark.parametrize("model", ["ols", "sar", "sdem", "sac"])
def test_replicates_of_a_cross_section(model):
    """Also random numbers of units, and weights without symmetry (complex eigenvalues)."""
    data, W = cross_section(3, n=23, symmetric=False)
    model = getattr(sp, model)
    fit = model(FORMULA, data, W)
    y = fit._design.y[0] + np.random.default_rng(0).standard_normal((40, 23))
    many = sp.refit(fit, y=y, std_errors=True, effects=True)
    for r in range(40):
        same(many, r, model, FORMULA, data.assign(y=y[r]), W)
    assert len(many.failed) < 8


def test_relabelling_the_units_is_relabelling_w():
    data, W = panel_data(5)
    fit = sp.sdm(FORMULA, data, W, **PANEL)
    p = np.random.default_rng(1).permutation(14)
    moved = W.to_numpy()[np.ix_(np.argsort(p), np.argsort(p))]  # who stood at p[i] now stands at i
    other = sp.sdm(FORMULA, data, pd.DataFrame(moved, W.index, W.columns), **PANEL)
    np.testing.assert_allclose(sp.refit(fit, relabel=[p]).params[0], other.params, rtol=1e-10)


def test_random_effects_are_estimated_anew():
    data, W = panel_data(4)
    fit = sp.slx(FORMULA, data, W, **PANEL, effects="random")
    y = fit._design.y + np.random.default_rng(0).standard_normal((2, *fit._design.y.shape))
    many = sp.refit(fit, y=y)
    for r in range(2):
        fit = sp.slx(FORMULA, data.assign(y=y[r].ravel()), W, **PANEL, effects="random")
        assert (many.params[r] == fit.params).all()


def test_a_replicate_without_an_estimate_stops_no_other():
    data, W = cross_section(0)
    fit = sp.sar(FORMULA, data, W)
    y = np.repeat(fit._design.y, 5, axis=0)
    values, vectors = np.linalg.eig(W.to_numpy())
    y[1], y[2], y[3] = 1.0, np.nan, vectors[:, values.argmin()]  # W y = y / rho_min: the likelihood has no bound
    many = sp.refit(fit, y=y, std_errors=True)
    assert sorted(many.failed) == [1, 2, 3]
    assert [many.failed[r][:4] for r in (1, 2, 3)] == ["E204", "E201", "E714"]
    assert np.isnan([*many.params[1:4].T, *many.std_errors[1:4].T, many.loglik[1:4], many.sigma2[1:4]]).all()
    assert (many.params[[0, 4]] == fit.params.to_numpy()).all()
    assert (many["rho"] == many.params[:, -1])[[0, 4]].all()
    assert many.to_frame().columns.tolist() == [*fit.params.index, "sigma2", "loglik"]


@pytest.mark.parametrize("model", ["sdm", "sdem", "sac"])
def test_replicates_do_not_depend_on_those_beside_them(model):
    """Regressors and places change in blocks: as one by one, whatever else is in the block."""
    data, W = panel_data(1, N=12, T=5)
    fit, rng = getattr(sp, model)(FORMULA, data, W, **PANEL, effects="twoway"), np.random.default_rng(3)
    x, places = rng.standard_normal((300, 5, 12)), np.array([rng.permutation(12) for _ in range(300)])
    x[7, 0, 0], x[9], x[280] = np.inf, 2.0, fit._design.X[:, :, fit._design.names.index("a")]
    many = sp.refit(fit, x={"b": x}, relabel=places)
    assert {r: many.failed[r][:4] for r in (7, 9, 280)} == {7: "E201", 9: "E204", 280: "E205"}
    for r in [*range(0, 300, 23), 7, 9, 280]:
        alone = sp.refit(fit, x={"b": x[[r]]}, relabel=places[[r]])
        np.testing.assert_array_equal(alone.params[0], many.params[r])
        np.testing.assert_array_equal(alone.loglik[0], many.loglik[r])


def test_weights_that_cannot_be_used_stop_no_others():
    """An island is one W among others, other units are refused."""
    data, W = panel_data(2)
    islands, others = W.copy(), W.rename(index={"00": "99"}, columns={"00": "99"})
    islands.loc["03"] = 0.0
    fit = sp.sar(FORMULA, data, W, **PANEL)
    many = sp.refit(fit, w={"islands": islands, "others": others, "same": W})
    assert {r: why[:4] for r, why in many.failed.items()} == {1: "E101"}
    np.testing.assert_allclose(many.params[2], fit.params, rtol=1e-9)
    np.testing.assert_allclose(many.params[0], sp.sar(FORMULA, data, islands, **PANEL).params, rtol=1e-9)
    assert np.isnan(many.params[1]).all()


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("E501", {}),
        ("E526", {"y": np.zeros((2, 7))}),
        ("E526", {"relabel": [[0, 0, *range(2, 40)]]}),
        ("E526", {"y": np.zeros((2, 40)), "relabel": [np.arange(40)]}),
        ("E502", {"x": {"c": np.zeros((2, 40))}}),
        ("E101", {"y": pd.DataFrame(np.zeros((40, 2)))}),
    ],
)
def test_what_does_not_fit_is_refused(code, options):
    data, W = cross_section(0)
    with pytest.raises(SpatialInputError, match=code):
        sp.refit(sp.sar(FORMULA, data, W), **options)


def test_moments_and_lagged_responses_are_refused():
    data, W = panel_data(3)
    with pytest.raises(SpatialInputError, match="E525"):
        sp.refit(sp.sar(FORMULA, data, W, **PANEL, method="gmm"), relabel=[np.arange(14)])
    dynamic = sp.sar("y ~ lag(y) + a", data, W, **PANEL)
    with pytest.raises(SpatialInputError, match="E525"):
        sp.refit(dynamic, y=dynamic._design.y[None])


def test_bootstrap_samples_without_a_maximum_are_told(monkeypatch):
    """One of them fails, then a tenth."""
    data, W = cross_section(7, n=12)
    fit, result = sp.sar("y ~ a", data, W), bootstrap.maxima
    edge = SpatialInputError("E701", "rho lies on the edge")
    monkeypatch.setattr(bootstrap, "maxima", lambda samples: [edge, *result(samples)[1:]])
    with pytest.warns(SpatialInputWarning, match="1 of 100 bootstrap samples are left out"):
        boot = fit.with_vcov("bootstrap", draws=100, seed=3)
    assert np.isfinite(boot.std_errors).all()
    monkeypatch.setattr(bootstrap, "maxima", lambda samples: [edge] * 10 + result(samples)[10:])
    with pytest.raises(SpatialInputError, match="E701"):
        fit.with_vcov("bootstrap", draws=100, seed=3)


def interrupting(after):
    """A listener that presses Ctrl-C once so many are done, and what it has heard."""
    steps = []

    def listen(step):
        steps.append((step.words, step.done, step.total))
        if step.done >= after:
            raise KeyboardInterrupt

    return listen, steps


@pytest.mark.parametrize(("what", "effects"), [("y", False), ("x", True), ("w", False), ("w", True)])
def test_refits_report_and_ctrl_c_keeps_what_is_done(what, effects):
    data, W = panel_data(1, N=12, T=5)
    fit, rng = sp.sar(FORMULA, data, W, **PANEL), np.random.default_rng(3)
    values, orders = rng.standard_normal((20, 5, 12)), [rng.permutation(12) for _ in range(20)]
    others = [pd.DataFrame(W.to_numpy()[np.ix_(p, p)], W.index, W.columns) for p in orders]
    changes = {"y": {"y": values}, "x": {"x": {"b": values}}, "w": {"w": others}}[what]
    steps = []
    with progress.listening(lambda step: steps.append((step.words, step.done, step.total))):
        whole = sp.refit(fit, **changes, effects=effects)
    assert steps[0] == ("refits", 0, 20)
    assert steps[-1] == ("refits", 20, 20)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)
    assert not whole.failed
    if what == "w" and not effects:  # so few are stacked, all at once
        return
    listen, _ = interrupting(after=7)
    with progress.listening(listen):
        part = sp.refit(fit, **changes, effects=effects)
    done = [r for r in range(20) if part.failed.get(r) != "interrupted"]
    assert done == list(range(len(done)))
    assert 6 <= len(done) < 20
    np.testing.assert_array_equal(part.params[done], whole.params[done])
    assert np.isnan(np.delete(part.params, done, axis=0)).all()
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupting(after=0)[0]):
        sp.refit(fit, **changes, effects=effects)


def test_the_starting_value_of_a_dynamic_model_is_left_out_of_responses():
    data, W = panel_data(3)
    fit = sp.sar("y ~ a", data, W, **PANEL, lags="y")
    whole = data.pivot(index="t", columns="id", values="y")[list(fit.units)]
    tall = pd.DataFrame({"again": data.set_index(["id", "t"])["y"]})
    for replicates in (whole.to_numpy()[None], tall):
        with pytest.raises(SpatialInputError, match="E526") as refused:
            sp.refit(fit, y=replicates)
        assert "leave out the first period" in refused.value.hint
    again = sp.refit(fit, y=whole.to_numpy()[None, 1:])
    np.testing.assert_allclose(again.params[0], fit.params, rtol=1e-8)
