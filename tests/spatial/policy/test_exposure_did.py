"""Policies that reach the neighbors: exposure mappings, what can be imputed, averages, standard errors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.policy import exposure_parts as ep
from spatial.policy.clean_sample import REASONS

from . import naive

REFERENCE = Path(__file__).parents[2] / "reference" / "did"
KEYS = {"entity": "i", "time": "t"}
GAPS = {"missing": "period", "unimputable": "drop"}


def lattice(side):
    row, column = np.divmod(np.arange(side**2), side)
    return (abs(row[:, None] - row) + abs(column[:, None] - column) == 1) * 1.0


def world(seed=2, side=5, T=6, adopters=6, gaps=0.1, noise=1.0):
    """A lattice whose units adopt at three times; effects differ between all. y and what made it."""
    rng, N = np.random.default_rng(seed), side**2
    A = lattice(side)
    first = np.full(N, T)
    first[rng.permutation(N)[:adopters]] = rng.integers(T // 2, T - 1, adopters)
    D = (np.arange(T)[:, None] >= first) * 1.0
    own, spill = D * rng.normal(1, 0.5, (T, N)), (D @ A > 0) * rng.normal(0.5, 0.3, (T, N))
    y = own + spill + rng.standard_normal(N) + rng.standard_normal((T, 1)) + noise * rng.standard_normal((T, N))
    data = pd.DataFrame({
        "i": np.tile(np.arange(N), T), "t": np.repeat(2000 + np.arange(T), N), "y": y.ravel(), "d": D.ravel(),
        "own": own.ravel(), "spill": spill.ravel(), "x": rng.standard_normal(N * T), "m": rng.uniform(1, 3, N * T),
        "g": np.tile(np.where(np.arange(N) % 2, "a", "b"), T), "c": np.tile(np.arange(N) // 3, T),
    })  # fmt: skip
    return data[rng.uniform(size=len(data)) > gaps].reset_index(drop=True), wt.from_dense(A, ids=list(range(N)))


def fitted(data, w, **options):
    return sp.exposure_did("y ~ d", data, w, **(KEYS | GAPS | options))


# -- numbers against slow twins ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [
    {}, {"obs_weights": "m"}, {"obs_weights": "m", "vcov": "neighbors"}, {"period_by": "g"},
    {"cluster": "c", "exposure": "count"},
])  # fmt: skip
def test_estimates_errors_and_df_of_a_dense_twin(options):
    data, w = world()
    r = sp.exposure_did("y ~ d + x", data, w, treatment="d", **KEYS, **GAPS, **options)
    s, engine, parts = r.sample, r._engine, r._parts
    T, N = s.y.shape
    members = engine.groups.members.toarray().reshape(-1, N, T).transpose(0, 2, 1).reshape(-1, T * N)
    touched = (s.D > 0) | (r.exposure.level > 0)
    estimands = [*ep.headlines(parts, s.cluster, r._few), *ep.cells(parts, ["event", "level"], s.cluster, r._few, 9)]
    tables = [*r.table.itertuples(), *r.by("event", "level").itertuples()]
    compared = 0
    for one, row in zip(estimands, tables, strict=True):
        estimate, error, df = naive.conservative(s.y, touched, s.X, s.mass, s.region, one.weights, members,
                                                 engine.groups.code.T, engine.K.toarray())  # fmt: skip
        assert row.estimate == pytest.approx(estimate, abs=1e-9)
        if one.enough:
            assert row.std_error == pytest.approx(error, rel=1e-7)
            assert row.df == pytest.approx(df, rel=1e-6)
            compared += 1
        else:
            assert np.isnan(row.std_error)
    assert compared >= 8


def test_classes_take_other_units_where_one_is_alone_in_its_own():
    data, w = world()
    engine = fitted(data, w)._engine
    code, members = engine.groups.code, engine.groups.members.toarray()
    assert np.allclose(members.sum(axis=1), 1)
    _N, T = code.shape
    for c in range(len(members)):
        units = {at // T for at in np.flatnonzero(members[c])}
        assert len(units) >= 2
        assert {int(i) for i in np.nonzero(code == c)[0]} <= units


def test_without_noise_every_effect_is_itself():
    data, w = world(noise=0.0)
    r = fitted(data, w)
    effects = r.observations().merge(data, on=["i", "t"])
    assert len(effects) == len(r.observations()) > 30
    assert np.allclose(effects["estimate"], effects["own"] + effects["spill"], atol=1e-9)
    table = r.table.set_index("term")["estimate"]
    treated = effects["treated"]
    alone = treated & (effects["level"] == "none")
    assert table[ep.TOTAL] == pytest.approx((effects["own"] + effects["spill"])[treated].mean())
    assert table[ep.OWN] == pytest.approx(effects["own"][alone].mean())
    assert table[ep.ON_UNTREATED] == pytest.approx(effects["spill"][~treated].mean())
    assert table[ep.ALL] == pytest.approx((effects["own"] + effects["spill"]).sum() / treated.sum())
    tau, k = effects["own"] + effects["spill"], effects["since_adoption"]
    both = treated & (effects["level"] != "none") & k.isin(k[alone])
    contrast = [tau[both & (k == at)].sum() - (both & (k == at)).sum() * tau[alone & (k == at)].mean()
                for at in k[both].unique()]  # fmt: skip
    assert table[ep.ON_TREATED] == pytest.approx(sum(contrast) / both.sum())


@pytest.mark.filterwarnings("ignore")
def test_groups_add_up_to_the_whole():
    data, w = world(side=7, adopters=12)
    r = fitted(data, w, exposure="count")
    whole = r.table.set_index("term")["estimate"]
    for keys in (("event",), ("cohort",), ("calendar",), ("level",), ("cohort", "calendar"), ("level", "event")):
        by = r.by(*keys)
        for effect in (ep.TOTAL, ep.ON_UNTREATED):
            part = by[by["effect"] == effect]
            assert np.average(part["estimate"], weights=part["n"]) == pytest.approx(whole[effect])
    assert list(r.by("cohort", "calendar").columns[:3]) == ["effect", "cohort", "calendar"]
    assert set(r.by("cohort")["cohort"]) <= set(data["t"])


def test_rings_are_those_of_ring_did():
    data, w = world(side=7, adopters=6, gaps=0)
    A = w.csr.toarray()
    far = wt.from_dense((A @ A + A > 0) * (1 - np.eye(len(A))), ids=w.ids)
    rings = {"next": w, "second": far}
    options = {**KEYS, "missing": "period"}
    r = sp.exposure_did("y ~ d", data, rings, **options)
    ring = sp.ring_did("y ~ d", data, rings, **options)
    ours = r.levels[r.levels["effect"] == ep.ON_UNTREATED]
    assert np.allclose([r.att, *ours["estimate"]], ring.table["estimate"])
    path = r.path[r.path["effect"] == ep.TOTAL]
    theirs = ring.path[ring.path["effect"] == "treated"]
    assert np.allclose(path["estimate"], theirs["estimate"])
    assert (path["period"] == theirs["period"].to_numpy()).all()


def test_two_stage_estimates_of_another_program():
    data = pd.read_csv(REFERENCE / "two_rings.csv")
    theirs = pd.read_csv(REFERENCE / "two_rings_estimates.csv", keep_default_na=False)
    place = data.drop_duplicates("unit").set_index("unit")[["row", "column"]]
    distance = np.hypot(*(np.subtract.outer(place[c].to_numpy(), place[c].to_numpy()) for c in place))
    rings = {name: wt.from_dense(((distance > 0) & (distance <= end)) * 1.0, ids=place.index)
             for name, end in (("[0, 1.01)", 1.01), ("[1.01, 1.45]", 1.45))}  # fmt: skip
    r = sp.exposure_did("y ~ d", data, rings, entity="unit", time="time")
    by = r.by("event", "level")
    for row in theirs.itertuples():
        if row.period == "":
            one = r.levels[(r.levels["effect"] == ep.ON_UNTREATED) & (r.levels["level"] == row.ring)]
            one = r.table[:1] if row.effect == "treated" else one
        elif row.effect == "treated":
            one = r.path[(r.path["effect"] == ep.TOTAL) & (r.path["period"] == float(row.period))]
        else:
            one = by[(by["effect"] == ep.ON_UNTREATED) & (by["level"] == row.ring)]
            one = one[one["period"] == float(row.period)]
        assert one["estimate"].item() == pytest.approx(float(row.estimate), abs=1e-8)


# -- exposure ----------------------------------------------------------------------------------------------------------


def amount(data, A, kind):
    """Exposure by loops, of the treatment as it stands in balanced data."""
    D = data.pivot(index="t", columns="i", values="d").to_numpy()
    out = np.zeros(D.shape)
    for t in range(len(D)):
        for i in range(len(A)):
            near = [j for j in range(len(A)) if A[i, j] != 0]
            of = sum(D[t, j] for j in near)
            out[t, i] = {"any": of > 0, "count": of, "share": sum(A[i, j] * D[t, j] for j in near) / sum(A[i])}[kind]
    return out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "cuts", "edges"), [
    ("any", None, [0]), ("count", None, [0, 1, 2]), ("count", (1, 3), [0, 1, 3]), ("share", None, [0, 1 / 3, 2 / 3]),
    ("share", (0.5,), [0, 0.5]),
])  # fmt: skip
def test_levels_of_exposure_by_loops(kind, cuts, edges):
    data, w = world(side=5, adopters=9, gaps=0)
    rng = np.random.default_rng(1)
    A = lattice(5) * rng.integers(1, 4, (25, 25))
    r = fitted(data, wt.from_dense(A, ids=w.ids), exposure=kind, cuts=cuts)
    level = np.searchsorted(np.array(edges) + 1e-9, amount(data, A, kind))
    names = r.exposures().T.to_numpy()
    assert ((names != "none") == (level > 0)).all()
    for k in np.unique(level[level > 0]):
        assert len(set(names[level == k])) == 1
    assert len(set(names[level > 0])) == len(np.unique(level[level > 0]))


@pytest.mark.filterwarnings("ignore")
def test_the_absent_stay_treated_or_leave():
    data, w = world(side=5, T=6, adopters=4, gaps=0)
    treated = data[data["d"] == 1].groupby("i")["t"].min()
    j, start = int(treated.index[0]), int(treated.iloc[0])
    near = int(np.flatnonzero(w.csr.toarray()[j])[0])
    gone = data[~((data["i"] == j) & (data["t"] > start))]
    stay = fitted(gone, w, exposure="count").exposures()
    leave = fitted(gone, w, exposure="count", absent="leave").exposures()
    assert (stay == fitted(data, w, exposure="count").exposures()).all(axis=None)
    assert (leave.loc[near] == stay.loc[near]).all()  # once exposed, always
    late = data[~((data["i"] == j) & (data["t"] == start))]
    assert fitted(late, w).exposures().loc[near, start + 1] == "exposed"
    only = {i for i in np.flatnonzero(w.csr.toarray()[near]) if i in treated.index}
    away = data[~(data["i"].isin(only) & (data["t"] >= start))]
    if only == {j}:
        assert (fitted(away, w, absent="leave").exposures().loc[near] == "none").all()


@pytest.mark.filterwarnings("ignore")
def test_weights_that_vary_keep_the_highest_exposure():
    data, w = world(side=5, gaps=0)
    empty = wt.from_dense(np.zeros((25, 25)), ids=w.ids)
    years = sorted(data["t"].unique())
    moving = wt.temporal({year: w if year < years[-1] else empty for year in years})
    still, moved = fitted(data, w).exposures(), fitted(data, moving).exposures()
    before = still.iloc[:, :-1]
    assert (moved.iloc[:, :-1] == before).all(axis=None)
    assert (moved.iloc[:, -1] == before.iloc[:, -1]).all()
    assert any("keeps the highest" in note for note in fitted(data, moving).notes)


@pytest.mark.filterwarnings("ignore")
def test_rows_and_ids_in_another_order():
    data, w = world()
    one = fitted(data, w)
    names = {i: f"u{i:02d}" for i in range(25)}
    order = np.random.default_rng(3).permutation(25)
    other = data.sample(frac=1, random_state=1).assign(i=lambda d: d["i"].map(names))
    again = fitted(other, wt.from_dense(lattice(5)[np.ix_(order, order)], ids=[names[i] for i in order]))
    pd.testing.assert_frame_equal(one.table, again.table)
    pd.testing.assert_frame_equal(one.path, again.path)


# -- what cannot be imputed --------------------------------------------------------------------------------------------


def small():
    """Eight units: 0, 1 and 7 adopt in period 3, 1 is next to 0 and 2, nobody else is next to anybody."""
    A = np.zeros((8, 8))
    A[0, 1] = A[1, 0] = A[1, 2] = A[2, 1] = 1
    rows = [(i, t, float(i in (0, 1, 7) and t >= 3)) for t in range(6) for i in range(8)]
    data = pd.DataFrame(rows, columns=["i", "t", "d"])
    rng = np.random.default_rng(1)
    return data.assign(y=rng.standard_normal(len(data)) + data["d"]), wt.from_dense(A, ids=list(range(8)))


def test_a_unit_never_seen_clean_is_named():
    data, w = small()
    lost = data[~((data["i"] == 1) & (data["t"] < 3))]
    with pytest.raises(sp.SpatialInputError, match="never observed clean: 3 observations") as error:
        fitted(lost, w, unimputable="error")
    assert error.value.code == "E735"
    assert error.value.ids == [1]
    assert error.value.n == 1
    r = fitted(lost, w)
    assert r.dropped.to_numpy().tolist() == [[1, t, REASONS[0]] for t in (3, 4, 5)]
    assert any("left out: 3 of 45" in note for note in r.notes)
    assert r.exposures().loc[2, 3] == "exposed"  # it is treated from where it enters, and exposes its neighbor


def test_the_always_treated_expose_their_neighbors():
    data, w = small()
    always = data.assign(d=np.where(data["i"] == 0, 1.0, data["d"]))
    far = pd.concat([always, data[data["i"] == 7].assign(i=8)])
    far.loc[(far["i"].isin([5, 6])) & (far["t"] >= 4), "d"] = 1.0
    W = np.zeros((9, 9))
    W[:8, :8] = w.csr.toarray()
    r = fitted(far, wt.from_dense(W, ids=list(range(9))))
    assert set(r.dropped["i"]) == {0, 1}  # 1 is exposed by 0 from the first period on
    assert (r.exposures().loc[1] == "exposed").all()


def test_a_period_without_clean_units_is_named():
    data, w = small()
    lost = data[~((data["t"] == 5) & (data["i"] > 2))]
    with pytest.raises(sp.SpatialInputError, match=r"no clean unit in the period: 3 observations \(5\)") as error:
        fitted(lost, w, unimputable="error")
    assert error.value.n == 3
    r = fitted(lost, w)
    assert set(r.dropped["t"]) == {5}
    assert r.path["period"].max() == 1
    expected = fitted(data[data["t"] < 5], w)
    assert np.allclose(r.table["estimate"], expected.table["estimate"], equal_nan=True)


def test_components_are_told_apart():
    """Units 3 to 7 enter when the others' clean time is over: no observation links the two times."""
    data, w = small()
    parted = data[(data["i"] <= 2) | (data["t"] >= 3)]
    with pytest.raises(sp.SpatialInputError, match="in another component: 9 observations") as error:
        fitted(parted, w, unimputable="error")
    assert error.value.code == "E735"
    with pytest.raises(sp.SpatialInputError, match="no effect at all"):
        fitted(parted, w)


def test_one_clean_unit_in_a_period_gives_no_standard_error():
    data, w = small()
    thin = data[~((data["t"] == 5) & (data["i"] > 3))]
    with pytest.warns(sp.SpatialInputWarning, match="only 1 unit is"):
        r = fitted(thin, w)
    path = r.path[r.path["effect"] == ep.TOTAL].set_index("period")
    assert np.isnan(path.loc[2, "std_error"])
    assert path.loc[1, "std_error"] > 0
    assert np.isnan(r.table["std_error"].iloc[0])


@pytest.mark.filterwarnings("ignore")
def test_an_effect_of_one_unit_alone_has_no_standard_error():
    data, w = small()
    r = fitted(data, w)  # unit 2 alone is exposed and untreated
    row = r.table.set_index("term").loc[ep.ON_UNTREATED]
    assert np.isfinite(row["estimate"])
    assert np.isnan(row["std_error"])
    assert row["units"] == 1
    assert any("spillover on the untreated at +0, +1, +2: one unit alone" in note for note in r.notes)


@pytest.mark.parametrize(("options", "code"), [
    ({"exposure": "rings"}, "E533"), ({"cuts": (0.5,)}, "E533"), ({"exposure": "share", "cuts": (0.5, 0.2)}, "E533"),
    ({"exposure": "share", "cuts": (0.5, 1.0)}, "E533"), ({"exposure": "count", "cuts": (0.5,)}, "E533"),
    ({"vcov": sp.Conley(cutoff=100, coords=np.zeros((25, 2)), lags=1)}, "E533"), ({"vcov": "oim"}, "E501"),
    ({"vcov": sp.Conley(cutoff=100)}, "E501"), ({"vcov": "neighbors", "cluster": "c"}, "E533"),
    ({"exposure": "some"}, "E501"), ({"absent": "die"}, "E501"), ({"unimputable": "keep"}, "E501"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_options_that_do_not_fit(options, code):
    data, w = world()
    with pytest.raises(sp.SpatialInputError) as error:
        fitted(data, w, **options)
    assert error.value.code == code
    assert error.value.hint


def test_nobody_is_exposed():
    data, w = world()
    with pytest.raises(sp.SpatialInputError, match="nobody has a treated neighbor") as error:
        fitted(data, wt.from_dense(np.zeros((25, 25)), ids=w.ids))
    assert error.value.code == "E237"


# -- dependence, bands, tests before the event -------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_conley_is_clustering_by_unit_below_all_distances():
    data, w = world()
    rng = np.random.default_rng(1)
    places = pd.DataFrame({"lon": rng.uniform(0, 9, 25), "lat": rng.uniform(0, 9, 25)}, index=range(25))
    near = fitted(data, w, vcov=sp.Conley(cutoff=0.001, coords=places.sample(frac=1, random_state=1)))
    unit = fitted(data, w)
    pd.testing.assert_frame_equal(near.table, unit.table)
    wide = fitted(data, w, vcov=sp.Conley(cutoff=500, coords=places))
    assert np.allclose(wide.table["estimate"], unit.table["estimate"])
    assert not np.allclose(wide.table["std_error"], unit.table["std_error"], rtol=0.01)


@pytest.mark.filterwarnings("ignore")
def test_kernel_of_shared_neighbors():
    data, w = world()
    r = fitted(data, w, vcov="neighbors")
    K, ids = r._engine.K.toarray(), r.sample.ids.to_numpy()
    A = (lattice(5) + np.eye(25))[np.ix_(ids, ids)]
    for i, j in np.ndindex(25, 25):
        assert K[i, j] == pytest.approx((A[i] * A[j]).sum() / np.sqrt(A[i].sum() * A[j].sum()))
    assert np.linalg.eigvalsh(K).min() > -1e-9


@pytest.mark.filterwarnings("ignore")
def test_bands_hold_each_path_together():
    data, w = world(side=7, adopters=10)
    one, all_ = fitted(data, w), fitted(data, w, band="simultaneous")
    there = one.path["std_error"] > 0
    for table in (one.path[there], all_.path[there]):
        assert (table["p_value"] < 0.05).eq((table["conf_low"] > 0) | (table["conf_high"] < 0)).mean() > 0.95
    width = [t["conf_high"][there] - t["conf_low"][there] for t in (one.path, all_.path)]
    assert (width[1] > width[0]).all()


@pytest.mark.filterwarnings("ignore")
def test_trends_before_exposure_are_found_next_door():
    data, w = world(side=8, T=8, adopters=10, gaps=0.05)
    calm = fitted(data, w).pretrends
    assert calm.joint.p_value > 0.05
    assert "next door" in calm.joint.null
    exposed = fitted(data, w).exposures()
    ever = (exposed != "none").any(axis=1)
    moving = data.assign(y=data["y"] + 1.5 * data["i"].map(ever) * (data["t"] - 2000))
    rising = fitted(moving, w).pretrends
    assert rising.slope.p_value < 0.001
    assert rising.slope.estimate > 1
    leads = fitted(moving, w).path.query("effect == 'spillover on the untreated' and period < 0")
    assert len(leads)
    assert (leads["estimate"] > 0).all()


@pytest.mark.filterwarnings("ignore")
def test_leads_are_coefficients_on_untouched_rows():
    data, w = world(side=7, adopters=8, gaps=0.05)
    r = fitted(data, w)
    s = r.sample
    touched = (s.D > 0) | (r.exposure.level > 0)
    T, N = touched.shape
    began = np.where(touched.any(axis=0), touched.argmax(axis=0), T)
    first = np.where(s.D.any(axis=0), s.D.argmax(axis=0), T)
    own = (began < T) & (first == began)
    leads = r.path[(r.path["effect"] == ep.TOTAL) & (r.path["period"] < 0)]
    columns = [((np.arange(T)[:, None] - began == k) & own).ravel() for k in leads["period"]]
    used = (~touched & (s.mass > 0)).ravel()
    Z = np.column_stack([naive.dummies(T, N, s.region), *columns]).astype(float)
    b = np.linalg.lstsq(Z[used], s.y.ravel()[used], rcond=None)[0]
    assert np.allclose(b[-len(leads) :], leads["estimate"], atol=1e-8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{"vcov": "neighbors"}, {"vcov": "neighbors", "obs_weights": "m"},
                                     {"vcov": "neighbors", "period_by": "g"}, "Conley"])  # fmt: skip
def test_tests_of_earlier_effects_follow_vcov(options):
    """Against dense matrices: F, its degrees of freedom, and the slope's t."""
    data, w = world(side=6, T=7, adopters=9, gaps=0.05)
    if options == "Conley":
        places = pd.DataFrame({"lon": np.arange(36) % 6 / 10, "lat": np.arange(36) // 6 / 10}, index=range(36))
        options = {"vcov": sp.Conley(20, kernel="bartlett", coords=places)}
    r = fitted(data, w, **options)
    s, problem, K = r.sample, r.pretrends.problem, r._engine.K.toarray()
    T, N = s.y.shape
    used = (problem.mass.T > 0).ravel()
    Z, unit = naive.dummies(T, N, s.region)[used], np.tile(np.arange(N), T)[used]

    def twin(columns):
        rows = columns.transpose(1, 0, 2).reshape(T * N, -1)[used]
        rows, y, mass = rows[:, np.abs(rows).any(axis=0)], s.y.ravel()[used], s.mass.ravel()[used]
        return naive.kernel_leads(Z, rows, y, mass, unit, K)

    joint, slope = r.pretrends.joint, r.pretrends.slope
    F, eta, _, _ = twin(problem.leads(r.pretrends.leads))
    assert joint.statistic == pytest.approx(F, rel=1e-7)
    assert joint.df[1] == pytest.approx(eta - joint.df[0] + 1, rel=1e-7)
    _, _, error, df = twin(problem.trend())
    assert (slope.std_error, slope.df) == pytest.approx((error[0], df[0]), rel=1e-7)


@pytest.mark.filterwarnings("ignore")
def test_tests_of_earlier_effects_below_all_distances_and_by_unit():
    """Conley below all distances correlates errors within units: CR1 and CR2 differ by their leverages alone. Clusters
    are not distances: the wild bootstrap flips signs of clusters, and refuses the others."""
    data, w = world(side=7, T=7, adopters=9, gaps=0.05)
    places = pd.DataFrame({"lon": np.arange(49) % 7, "lat": np.arange(49) // 7}, index=range(49))
    plain, near = (fitted(data, w, vcov=vcov).pretrends for vcov in ("cluster", sp.Conley(1, coords=places)))
    assert near.slope.estimate == pytest.approx(plain.slope.estimate, rel=1e-10)
    assert near.slope.std_error == pytest.approx(plain.slope.std_error, rel=0.03)
    assert near.joint.statistic == pytest.approx(plain.joint.statistic, rel=0.1)
    assert near.joint.statistic != plain.joint.statistic
    assert 0 < plain.wild(draws=99).p_value <= 1
    with pytest.raises(sp.SpatialInputError) as caught:
        fitted(data, w, vcov="neighbors").pretrends.wild()
    assert caught.value.code == "E533"
    assert 'vcov="cluster"' in caught.value.hint


@pytest.mark.filterwarnings("ignore")
def test_text_and_figure():
    data, w = world(side=7, adopters=8)
    for options in ({}, {"vcov": "neighbors", "band": "simultaneous"}, {"exposure": "share", "obs_weights": "m"}):
        r = fitted(data, w, **options)
        text = str(r)
        assert "spillover on the untreated" in text
        assert "Before adoption" in text
        assert ("share neighbors" in text) == (options.get("vcov") == "neighbors")
        assert len(r.plot().get_legend().get_texts()) == 4
    assert list(r.tidy()) == list(sp.did("y ~ d", data, missing="period", **KEYS).tidy())
