"""Effects by group and at values of a moderator against derivatives of the dense model, and laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data

REGIONS = np.array(["东部", "中部", "西:部"])


def with_moderators(data, seed=3):
    """A region by unit, a number and a dummy by row."""
    rng = np.random.default_rng(seed)
    ids = sorted(data["id"].unique())
    region = dict(zip(ids, np.resize(REGIONS, len(ids))))
    m, east = rng.standard_normal(len(data)), rng.integers(0, 2, len(data))
    return data.assign(region=data["id"].map(region), m=m, east=east)


def response(fit, frame, W, change, unit, period):
    """y of one period from the fitted model with x raised in one unit, dense; fixed effects cancel in differences."""
    now = frame[frame["t"] == period].set_index("id").loc[W.index]
    now = now.assign(a=now["a"] + change * (now.index == unit))
    columns = {"a": now["a"], "b": now["b"], "a:m": now["a"] * now["m"], "a:east": now["a"] * now["east"]}
    columns |= {f"a:C(region)[{mark}{r}]": now["a"] * (now["region"] == r) for r in REGIONS for mark in ("", "T.")}
    right = sum(value * (columns[name] if name in columns else W.to_numpy() @ columns[name.removeprefix("W:")])
                for name, value in fit.params.items() if name not in ("rho", "lambda", "Intercept"))  # fmt: skip
    return np.linalg.solve(np.eye(len(W)) - fit.rho * W.to_numpy(), right)


def by_hand(fit, frame, W, members):
    """Direct and total effects of a, averaged over the (period, unit) pairs that emit."""
    own, all_units = [], []
    for period, unit in members:
        S = response(fit, frame, W, 1.0, unit, period) - response(fit, frame, W, 0.0, unit, period)
        own.append(S[W.index.get_loc(unit)])
        all_units.append(S.sum())
    return np.mean(own), np.mean(all_units)


@pytest.mark.parametrize("row", [True, False])
@pytest.mark.parametrize(("model", "terms", "by"), [
    ("sdm", "a + b + a:C(region)", "region"), ("sdm", "a:C(region) + b + a:m", "region"),
    ("slx", "a + b + a:east", "east"), ("sar", "a + a:m", "t"), ("sem", "a + b + a:east", "east"),
    ("sac", "a + b + a:m", "region"),
])  # fmt: skip
def test_groups_are_derivatives_of_the_dense_model(model, terms, by, row):
    data, W = panel_data(4, N=12, T=4, rho=0.3)
    W = W if row else W * 0.8 * np.linspace(0.5, 1, 12)[:, None]
    data = with_moderators(data)
    effects = {"effects": "twoway" if row else "entity"}
    fit = getattr(sp, model)(f"y ~ {terms}", data.sample(frac=1, random_state=1), W, **PANEL, **effects)
    got = sp.effects_by(fit, "a", by)
    for g, (group, rows) in enumerate(data.groupby(by)):
        members = list(zip(rows["t"], rows["id"]))
        label = group if by == "region" else f"{by} = {group}"
        k = got.labels.index(label)
        direct, total = by_hand(fit, data, W, members)
        assert got.direct.iloc[k] == pytest.approx(direct, rel=1e-9, abs=1e-11), g
        assert got.total.iloc[k] == pytest.approx(total, rel=1e-9, abs=1e-11)
        assert got.indirect.iloc[k] == pytest.approx(total - direct, rel=1e-8, abs=1e-10)


def test_values_of_moderators():
    """All units get the value: the effects are those of the dense model on data that have it everywhere."""
    data, W = panel_data(5, N=12, T=4)
    data = with_moderators(data)
    fit = sp.sdm("y ~ a + b + a:m + a:C(region)", data, W, **PANEL, effects="entity")
    got = sp.effects_by(fit, "a", at={"m": [-1, 2.5], "region": ["东部", "西:部"]})
    assert got.labels[:2] == ("m = -1, region = 东部", "m = -1, region = 西:部")
    members = [(2000, unit) for unit in W.index]  # all periods are alike
    for k, (m, region) in enumerate([(-1, "东部"), (-1, "西:部"), (2.5, "东部"), (2.5, "西:部")]):
        direct, total = by_hand(fit, data.assign(m=m, region=region), W, members)
        assert got.direct.iloc[k] == pytest.approx(direct, rel=1e-9)
        assert got.total.iloc[k] == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("model", ["sar", "sdm", "slx"])
def test_groups_add_up_to_the_average_effect(model):
    """Without interactions the groups' effects, weighted by size, are those of effects(), with their distribution."""
    data, W = cross_section(2)
    groups = pd.Series(np.arange(40) % 3, index=data.index, name="third")
    fit = getattr(sp, model)("y ~ a + b", data, W)
    got, whole = sp.effects_by(fit, "a", groups), fit.effects()
    share = np.array([14, 13, 13]) / 40
    np.testing.assert_allclose(got.estimates @ share, whole.estimates[:, 0], rtol=1e-10)
    averaged = got._combined(share[None])
    for name, values in vars(averaged).items():
        np.testing.assert_allclose(values[:, 0], getattr(whole.inferred.inference, name)[:, 0], rtol=2e-4, atol=2e-4)


def test_weights_that_vary_over_time():
    data, W = panel_data(6, N=10, T=3)
    other = W.iloc[::-1, ::-1].set_axis(W.index, axis=0).set_axis(W.columns, axis=1)
    by_year = {t: other if t == 2001 else W for t in (2000, 2001, 2002)}
    w = wt.temporal({t: wt.from_dense(V.to_numpy(), ids=V.index) for t, V in by_year.items()})
    fit = sp.sdm("y ~ a + b", data, w, **PANEL, effects="entity")
    got = sp.effects_by(fit, "a", "time")
    for k, (t, V) in enumerate(by_year.items()):
        S = np.linalg.solve(np.eye(10) - fit.rho * V, fit.params["a"] * np.eye(10) + fit.params["W:a"] * V.to_numpy())
        assert got.labels[k] == f"t = {t}"
        assert got.direct.iloc[k] == pytest.approx(S.trace() / 10, rel=1e-9)
        assert got.total.iloc[k] == pytest.approx(S.sum() / 10, rel=1e-9)


def test_unbalanced_panels():
    """Each period's group is the dense derivative among those who are there."""
    data, W = panel_data(6, N=10, T=3)
    data = with_moderators(data).drop(index=[4, 25])
    fit = sp.sar("y ~ a + a:m", data, W, **PANEL, effects="entity", missing="period")
    got = sp.effects_by(fit, "a", "time")
    for k, (_, now) in enumerate(data.groupby("t")):
        V = W.loc[now["id"], now["id"]].to_numpy()
        V = np.divide(V, V.sum(1, keepdims=True), where=V.sum(1, keepdims=True) > 0, out=np.zeros_like(V))
        S = np.linalg.inv(np.eye(len(V)) - fit.rho * V) * (fit.params["a"] + fit.params["a:m"] * now["m"].to_numpy())
        assert got.direct.iloc[k] == pytest.approx(S.trace() / len(V), rel=1e-9)
        assert got.total.iloc[k] == pytest.approx(S.sum() / len(V), rel=1e-9)


def test_differences_and_their_test():
    """At the values 0 and 1 of a dummy the direct difference without a lag is gamma, and its test is gamma's."""
    data, W = panel_data(7, N=30, T=6)
    data = with_moderators(data)
    fit = sp.sem("y ~ a + b + a:east", data, W, **PANEL, effects="entity")
    got = sp.effects_by(fit, "a", at={"east": [0, 1]})
    table = got.differences().set_index(["effect", "term"]).loc[("direct", "east = 1 - east = 0")]
    assert table["estimate"] == pytest.approx(fit.params["a:east"], rel=1e-10)
    assert table["std_error"] == pytest.approx(fit.std_errors["a:east"], rel=1e-9)
    assert got.test("direct").statistic == pytest.approx(fit.zstats["a:east"] ** 2, rel=1e-9)
    with pytest.raises(SpatialInputError, match="by construction"):
        got.test("indirect")
    message = str(sp.effects_by(sp.sdm("y ~ a + a:east", data, W, **PANEL), "a", at={"east": [0, 1]}))
    assert "equal total effects: F(1, " in message


@pytest.mark.parametrize(("formula", "variable", "options", "code"), [
    ("y ~ a + b", "c", {"by": "region"}, "E502"), ("y ~ a + b", "a", {}, "E501"),
    ("y ~ a + a:b", "a", {"at": [0, 1]}, "E501"),
    ("y ~ a + I(a**2)", "a", {"by": "region"}, "E530"), ("y ~ a + a:center(m)", "a", {"by": "region"}, "E530"),
    ("y ~ a + b", "a", {"at": {"m": 1}}, "E531"), ("y ~ a + a:C(region)", "a", {"at": {"region": "北部"}}, "E531"),
    ("y ~ a + b", "a", {"by": "nothing"}, "E502"),
])  # fmt: skip
def test_refusals(formula, variable, options, code):
    data, W = panel_data(1)
    fit = sp.sar(formula, with_moderators(data), W, **PANEL, effects="entity")
    with pytest.raises(SpatialInputError) as caught:
        sp.effects_by(fit, variable, **options)
    assert caught.value.code == code
