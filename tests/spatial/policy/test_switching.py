"""A treatment that comes and goes: diff-diff's figures, a dense twin, laws, what is refused."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.policy import comparisons, twfe
from spillover.errors import SpatialInputError

from . import naive
from .conftest import staggered

REFERENCE = Path(__file__).parents[2] / "reference/did"
KEYS = {"entity": "i", "time": "t"}


@pytest.fixture(scope="module")
def panel():
    spec = importlib.util.spec_from_file_location("switching_reference", REFERENCE / "switching.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.panel()


def test_figures_of_diff_diff(panel):
    """DID_M, DID_l, the nearest placebo, two-way effects and the share of negative weights."""
    wanted = pd.read_csv(REFERENCE / "switching.csv").set_index("what")["estimate"]
    fit = sp.did("y ~ d", panel, method="switchers", **KEYS)
    table = fit.table.set_index("term")["estimate"]
    path = fit.path.set_index("period")["estimate"]
    for name in ("DID_M", "DID_M, joiners", "DID_M, leavers"):
        assert table[name] == pytest.approx(wanted[name], abs=1e-7)
    for k in (-2, 0, 1, 2):
        assert path[k] == pytest.approx(wanted[str(k)], abs=1e-7)
    two_way = sp.did("y ~ d", panel, method="twfe", **KEYS)
    assert two_way.att == pytest.approx(wanted["two-way"], abs=1e-7)
    treated = int(panel["d"].sum())
    assert f"{round(wanted['negative'] * treated)} of {treated} treated observations" in str(two_way)


@pytest.mark.parametrize("missing", [0, 11])
def test_estimates_are_their_dense_twin(panel, missing):
    """By explicit means; with gaps over the units that are seen at both times."""
    frame = panel if not missing else panel.drop(index=panel.index[36 + 5 :: missing])
    fit = sp.did("y ~ d", frame.sample(frac=1, random_state=1), method="switchers", missing="period", **KEYS)
    s = fit.sample
    did_m, later, per = naive.switching(s.y, s.D, s.mass > 0)
    assert fit.table.set_index("term")["estimate"]["DID_M"] == pytest.approx(did_m, abs=1e-10)
    assert fit.att == pytest.approx(per, abs=1e-10)
    path = fit.path.set_index("period")["estimate"]
    for k, value in later.items():
        assert path[k] == pytest.approx(value, abs=1e-10)
    assert set(later) == set(path.index) - {-1}


def test_deletions_are_estimates_without_a_unit(panel):
    fit = sp.did("y ~ d", panel, method="switchers", **KEYS)
    left = np.array([sp.did("y ~ d", panel[panel["i"] != i], method="switchers", **KEYS).table["estimate"][:2]
                     for i in range(36)])  # fmt: skip
    plain = np.sqrt(35 / 36 * ((left - fit.table["estimate"][:2].to_numpy()) ** 2).sum(axis=0))
    np.testing.assert_allclose(fit.table["std_error"][:2], plain * fit.jackknife.scale[:2], rtol=1e-9)


def test_what_stays_is_group_time_and_what_only_ends_mirrors_what_only_begins(frame):
    """Staggered adoption: the averages of group-time effects against those not treated yet. With 1 - d every effect
    has the other sign."""
    keys = {"entity": "省份", "time": "年份"}
    fit = sp.did("产出 ~ 政策", frame, method="switchers", **keys)
    wanted = sp.did("产出 ~ 政策", frame, method="group_time", control="not_yet", **keys)
    assert fit.att == pytest.approx(wanted.att, rel=1e-12)
    assert fit.std_error == pytest.approx(wanted.std_error, rel=1e-8)
    for column in ("estimate", "std_error", "df"):
        np.testing.assert_allclose(fit.path[column], wanted.path[column], rtol=1e-8, atol=1e-12)
    mirrored = sp.did("产出 ~ d", frame.assign(d=1 - frame["政策"]), method="switchers", **keys)
    np.testing.assert_allclose(mirrored.path["estimate"], -fit.path["estimate"], atol=1e-12)
    more = frame.assign(z=frame.groupby("省份")["人口"].transform("mean"))
    one, other = (sp.did("产出 ~ 政策 + z", more, treatment="政策", method=method, control="not_yet",
                           adjustment="regression", **keys) for method in ("switchers", "group_time"))  # fmt: skip
    assert one.att == pytest.approx(other.att, rel=1e-9)


def test_lasting_effects_of_a_treatment_that_ends_are_seen():
    """Without noise: 2 in the first treated period, then 3; 1 in the first period after. One period of treatment is
    worth the sum over all periods by the number of treated ones."""
    rng = np.random.default_rng(6)
    N, T = 12, 6
    change = np.array([2, 3, T])[np.arange(N) % 3]
    since = np.arange(T)[:, None] - change
    D = ((since >= 0) & (since < 2)) * 1.0
    effect = np.select([since == 0, since == 1, since == 2], [2.0, 3.0, 1.0], 0.0)
    y = rng.standard_normal(N) + rng.standard_normal((T, 1)) + effect
    frame = pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "y": y.ravel(),
                          "d": D.ravel()})  # fmt: skip
    fit = sp.did("y ~ d", frame, method="switchers", **KEYS)
    path = fit.path.set_index("period")["estimate"]
    np.testing.assert_allclose(path[[-2, -1, 0, 1, 2, 3]], [0, 0, 2, 3, 1, 0], atol=1e-10)
    assert fit.att == pytest.approx((4 * (2 + 3 + 1 + 0) + 4 * (2 + 3 + 1)) / (8 * 2))
    assert fit.trends()["cohort"].unique().tolist() == ["2", "3", "never"]


def test_the_joint_test_is_its_dense_twin():
    """Degrees of freedom from the weights of outcomes, of all units and without each."""
    rng = np.random.default_rng(3)
    N, T, f = 14, 5, 13 / 14
    change = np.array([2, 3, 4, 9])[np.arange(N) % 4]
    D = (np.arange(T)[:, None] >= change) & ((np.arange(T)[:, None] <= change) | (np.arange(N) % 3 > 0))
    frame = pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "d": D.ravel() * 1.0,
                          "y": rng.standard_normal(N * T)})  # fmt: skip
    fit = sp.did("y ~ d", frame, method="switchers", **KEYS)
    s, joint = fit.sample, fit.pretrends.joint

    def of(units, k):
        out = np.zeros((T, N))
        seen = np.ones((T, len(units)), dtype=bool)
        out[:, units] = naive.weights_of(lambda y: naive.switching(y, s.D[:, units], seen)[1][k], (T, len(units)))
        return out.ravel()

    everyone, leads = np.arange(N), fit.pretrends.leads
    assert leads == (-4, -3, -2)
    v = np.array([of(everyone, k) for k in leads])
    delta = np.array([[of(np.delete(everyone, i), k) for k in leads] for i in everyone]) - v
    F, eta = naive.joint(s.y.ravel(), v, delta, f)
    assert (joint.statistic, *joint.df) == pytest.approx((F, 3, eta - 2), rel=1e-8)
    assert "have not yet" in str(fit)
    with pytest.raises(SpatialInputError) as caught:
        fit.pretrends.wild()
    assert caught.value.code == "E533"


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 7, 3)])
def test_variances_of_the_joint_test_come_from_the_fewer_products(shape):
    blocks = np.random.default_rng(1).standard_normal(shape)
    M = np.einsum("sgp,thp->sgth", blocks, blocks)
    twin = np.einsum("sgsh,tgth->", M, M) + np.einsum("sgth,tgsh->", M, M)
    assert comparisons._variance(blocks) == pytest.approx(twin, rel=1e-12)


def test_the_joint_test_of_large_samples_is_projected(panel, monkeypatch):
    exact = sp.did("y ~ d", panel, method="switchers", **KEYS).pretrends.joint
    monkeypatch.setattr(comparisons, "LARGEST", 0)
    large = sp.did("y ~ d", panel, method="switchers", **KEYS).pretrends.joint
    assert large.df[1] == pytest.approx(exact.df[1], rel=0.1)
    assert large.p_value == pytest.approx(exact.p_value, abs=0.02)


def test_negative_weights_are_those_of_effects(frame):
    """tau is the weighted sum of effects: the weights of a two-way estimate of D tau."""
    keys = {"entity": "省份", "time": "年份"}
    early = frame.assign(政策=np.where(frame["省份"].astype(int) % 6 == 2, frame["年份"] >= 2006, frame["政策"]) * 1.0)
    fit = sp.did("产出 ~ 政策", early, method="twfe", obs_weights="人口", **keys)
    s = fit.sample
    w = fit.jackknife.v[0] * s.root * s.D.T
    tau = np.random.default_rng(1).standard_normal(s.D.T.shape)
    moved = early.set_index(["年份", "省份"]).assign(y=pd.Series((s.D.T * tau).T.ravel(), pd.MultiIndex.from_product(
        [s.times, s.ids], names=["年份", "省份"]))).reset_index()  # fmt: skip
    again = sp.did("y ~ 政策", moved, method="twfe", obs_weights="人口", **keys)
    assert again.att == pytest.approx((w * tau).sum(), rel=1e-9)
    (note,) = [note for note in fit.notes if "negative weights" in note]
    assert note.startswith(f"{int((w[s.D.T == 1] < 0).sum())} of {int(s.D.sum())} treated")
    assert twfe.negative_weights(s, fit.jackknife) == [note]
    assert not any("negative" in one for one in sp.did("产出 ~ 政策", early, **keys).notes)


def test_what_is_refused(panel):
    for options, code in [({"method": "imputation"}, "E231"), ({"method": "group_time"}, "E231"),
                          ({"method": "switchers", "obs_weights": "m"}, "E533"),
                          ({"method": "switchers", "period_by": "g"}, "E533")]:  # fmt: skip
        with pytest.raises(SpatialInputError) as caught:
            sp.did("y ~ d", panel.assign(m=1.0, g=panel["i"] % 2), **options, **KEYS)
        assert caught.value.code == code
        assert "switchers" in caught.value.hint or code != "E231"
    alone = panel.assign(d=(panel["t"] >= 3) * (panel["i"] < 20) + (panel["t"] < 3) * (panel["i"] >= 20))
    with pytest.raises(SpatialInputError) as caught:  # all change at the same time
        sp.did("y ~ d", alone, method="switchers", **KEYS)
    assert caught.value.code == "E730"
    with pytest.raises(SpatialInputError) as caught:
        sp.did("y ~ d", panel.assign(d=panel["d"] / 2), method="switchers", **KEYS)
    assert caught.value.code == "E230"
    fit = sp.did("y ~ d", panel, method="switchers", **KEYS)
    for placebo in (sp.placebo_units, sp.placebo_time):
        with pytest.raises(SpatialInputError):
            placebo(fit)
    two_way = sp.did("y ~ d", panel, method="twfe", **KEYS)
    with pytest.raises(SpatialInputError) as caught:
        _ = two_way.pretrends
    assert caught.value.code == "E206"
    assert two_way.randomization is None
    assert fit.plot().get_title(loc="left") == "Effect of d on y"


def test_a_unit_that_is_always_treated_serves_as_comparison():
    frame = staggered(np.random.default_rng(3)).rename(columns={"省份": "i", "年份": "t", "产出": "y", "政策": "d"})
    ends = frame.assign(d=np.where(frame["i"].astype(int) < 8, (frame["t"] < 2004) * 1.0, 1.0))
    fit = sp.did("y ~ d", ends, method="switchers", **KEYS)
    assert fit.table["term"].tolist() == ["effect per treated period", "DID_M", "DID_M, leavers"]
    gone = ends.drop(index=ends[(ends["i"] == "020") & (ends["t"] == 2000)].index)
    first = sp.did("y ~ d", gone, method="switchers", missing="period", **KEYS)
    assert first.att == pytest.approx(fit.att, rel=1e-12)  # treated before it is observed, as when it is
