"""Every builder of the registry: its dense twin, the laws its line states, its place in the shell and in the docs."""

import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weights as wt
from spillover.errors import SpatialInputError
from tests.weights import naive
from weights.registry import BUILDERS, LINKS, MAP, NO_INPUT, POINTS, builders, find

SETTINGS = settings(max_examples=12, derandomize=True, deadline=None)
SEEDS = st.integers(0, 10**6)
GEOMETRIC = [b for b in BUILDERS.values() if b.needs in (MAP, POINTS)]
LABELLED = [b for b in BUILDERS.values() if b.needs != NO_INPUT]


def source(builder, case):
    return {LINKS: case.links, NO_INPUT: None}.get(builder.needs, case.map)


def built(builder, data, ids=None):
    """The weights with the options that the registry states, units in the order of ``ids``."""
    w = builder.build(data, **builder.parse(builder.options))
    return w if ids is None or builder.needs == NO_INPUT else w.reindex(ids)


@pytest.mark.parametrize("name", BUILDERS)
@SETTINGS
@given(SEEDS)
def test_every_builder_equals_its_dense_twin(name, seed):
    case = naive.case(seed)
    w = built(BUILDERS[name], source(BUILDERS[name], case), case.ids)
    np.testing.assert_allclose(w.csr.toarray(), naive.TWINS[name](case), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("builder", LABELLED, ids=lambda b: b.name)
@SETTINGS
@given(SEEDS, st.sampled_from([32650, 4326]))
def test_the_order_of_rows_and_the_names_of_units_do_not_matter(builder, seed, crs):
    case = naive.case(seed)
    if crs == 4326:  # degrees that make as many km as there were metres
        small = case.map.geometry.affine_transform([1 / 111, 0, 0, 1 / 111, 0, 0])
        case.map = case.map.set_geometry(small.set_crs(crs, allow_override=True))
    data = source(builder, case)
    w = built(builder, data, case.ids)
    shuffled = built(builder, data.sample(frac=1, random_state=seed), case.ids)
    renamed = {old: f"province {old}" for old in case.ids}  # in the same order: it decides ties
    new_ids = [renamed[i] for i in case.ids]
    other = data.replace({"from": renamed, "to": renamed}) if builder.needs == LINKS else data.rename(index=renamed)
    for again in (shuffled, built(builder, other, new_ids)):
        assert (again.csr.indices == w.csr.indices).all()
        np.testing.assert_allclose(again.csr.data, w.csr.data, rtol=1e-9)
    before = data.copy(deep=True)
    built(builder, data)
    pd.testing.assert_frame_equal(pd.DataFrame(data), pd.DataFrame(before))


@pytest.mark.parametrize("builder", GEOMETRIC, ids=lambda b: b.name)
@SETTINGS
@given(SEEDS, st.integers(0, 12))
def test_a_larger_map_elsewhere_has_the_weights_that_the_registry_states(builder, seed, power):
    case = naive.case(seed)
    c = 2.0**power  # exact, so that ties stay ties
    moved = case.map.set_geometry(case.map.geometry.affine_transform([0, -c, c, 0, 3 * c, 5 * c]))  # turned as well
    w = built(builder, case.map)
    if builder.scaling is None:
        assert "cutoff" in builder.options
        assert builder.build(moved, cutoff=400 * c) == w
        return
    again = built(builder, moved)
    assert (again.csr.indices == w.csr.indices).all()
    np.testing.assert_allclose(again.csr.data, w.csr.data * c**builder.scaling, rtol=1e-6)


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=lambda b: b.name)
def test_symmetry_is_as_the_registry_states(builder):
    all_weights = [built(builder, source(builder, naive.case(seed))) for seed in range(3)]
    assert all(w.is_symmetric == builder.symmetric for w in all_weights)
    for w in all_weights:
        assert w.nnz > 0 or builder.name == "bishop"  # four random cells hardly meet in a point; lattices test it
        assert (w.csr.data > 0).all()
        assert w.csr.diagonal().sum() == 0
        assert w.kind


def test_the_registry_is_complete():
    """Every public function that makes weights of data stands in it; what works on weights does not."""
    not_of_data = {"combine", "difference", "intersection", "lag_order", "load", "nested", "product", "standardize",
                   "temporal", "union", "as_weights", "from_W", "from_dense", "from_frame", "from_graph", "from_sparse"}
    makes = {name for name in wt.__all__ if inspect.isfunction(getattr(wt, name))
             and "SpatialWeights" in str(inspect.signature(getattr(wt, name)).return_annotation)}
    assert makes - not_of_data == set(BUILDERS)
    assert set(naive.TWINS) == set(BUILDERS)
    assert list(builders().index) == list(BUILDERS)


def test_every_builder_is_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "choosing-w.md").read_text(encoding="utf-8")
    assert [name for name in BUILDERS if f"`{name}`" not in page] == []


def test_the_spelling_of_the_shell():
    assert find("distance-band:cutoff=3")[0] is BUILDERS["distance_band"]
    assert find("Queen")[0] is BUILDERS["queen"]
    assert find("w.gal") == (None, "")
    assert BUILDERS["kernel"].parse("shape=gaussian, k=4") == {"shape": "gaussian", "k": 4}
    assert BUILDERS["similarity"].parse("x=a+b,k=none") == {"x": ["a", "b"], "k": None}
    assert BUILDERS["queen"].parse("") == {}
    assert BUILDERS["border_length"].parse("share=true") == {"share": True}
    for builder, text in (("knn", "kk=4"), ("knn", "k"), ("gravity", ""), ("lattice", "rows=3"), ("queen", "map=x")):
        with pytest.raises(SpatialInputError) as caught:
            BUILDERS[builder].parse(text)
        assert caught.value.code == "E501"
        assert caught.value.hint
