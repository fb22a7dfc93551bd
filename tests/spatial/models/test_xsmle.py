"""A published xsmle study, coefficient by coefficient, with its robust standard errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

REFERENCE = json.loads((Path(__file__).parents[2] / "reference/xsmle/china_tfp.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", REFERENCE["fits"])
def test_the_log_of_xsmle_is_reproduced(name, shared):
    model, _, which = name.partition(" ")
    want, terms = REFERENCE["fits"][name], REFERENCE["order"]
    panel = pd.read_csv(shared / "china_tfp_panel.csv")
    units = panel["province_id"].unique()  # Hainan has no link under contiguity
    w = wt.from_frame(pd.read_csv(shared / f"china_tfp_w_{which}.csv"), ids=units)
    fit = getattr(sp, model)(
        "ln_tfp ~ " + " + ".join(terms), panel, w, entity="province_id", time="year", effects="entity",
        correction=False, vcov=sp.Robust(pairs=False),
    )  # fmt: skip
    # Its W has single precision and its search stops early: estimates agree to 1e-4 of their standard errors.
    assert np.abs((fit.params - want["estimates"]) / want["std_errors"]).max() < 1e-4
    np.testing.assert_allclose(fit.std_errors, want["std_errors"], rtol=2e-4)
    assert fit.sigma2 == pytest.approx(want["sigma2"], rel=1e-4)
    assert fit.loglik == pytest.approx(want["loglik"], abs=2e-4)
