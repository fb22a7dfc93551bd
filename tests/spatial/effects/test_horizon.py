"""What dynamic models answer at once, later and in the long run: simulated forward, effects(), the static model."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL
from ..models.test_resampling import panel

COLUMNS = ("estimate", "std_error", "conf_low", "conf_high", "p_value")


@pytest.fixture(scope="module")
def fitted():
    frame, w, W = panel(3, n=20, periods=12)
    frame = frame.assign(g=np.where(frame["id"] < "u08", "few", "many"))
    return {"lags='both'": sp.sdm("y ~ a + b", frame, w, **PANEL, lags="both", effects="entity"),
            "lags='Wy'": sp.sar("y ~ a + b", frame, w, **PANEL, lags="Wy", effects="entity"),
            "no rho": sp.slx("y ~ a + b", frame, w, **PANEL, lags="y", effects="entity")}, W[0]  # fmt: skip


@pytest.mark.parametrize("horizon", [0, 1, 4])
@pytest.mark.parametrize("name", ["lags='both'", "lags='Wy'", "no rho"])
def test_a_change_that_stays_moves_the_model_forward(fitted, name, horizon):
    """Two paths of the model, with the change and without it."""
    fits, W = fitted
    fit, p = fits[name], fits[name].params
    start = np.isin(np.arange(20), [3, 7]) * 1.5
    A = np.eye(20) - p.get("rho", 0.0) * W
    past = p.get("lag(y)", 0.0) * np.eye(20) + p.get("W:lag(y)", 0.0) * W
    y = np.zeros(20)
    for _ in range(horizon + 1):
        y = np.linalg.solve(A, past @ y + p["a"] * start + p.get("W:a", 0.0) * W @ start)
    got = sp.what_if(fit, "a", change=1.5, units=["u03", "u07"], horizon=horizon)
    np.testing.assert_allclose(got.table["estimate"], y, atol=1e-12)
    assert ("periods after" in str(got)) == (horizon > 0)


def test_the_path_and_the_long_run_are_those_of_effects(fitted):
    """Everywhere, on average: the total effect, with its distribution."""
    fit = fitted[0]["lags='both'"]
    effects = fit.effects()
    path = effects.path(3).query("change == 'permanent' and effect == 'total' and term == 'a' and horizon == 3")
    later = sp.what_if(fit, "a", change=1.0, horizon=3).by_group("g").loc["all"]
    long = sp.what_if(fit, "a", change=1.0, horizon="long").by_group("g").loc["all"]
    total = effects.long_run.tidy().query("effect == 'total' and term == 'a'")
    for name in COLUMNS:
        assert later[name] == pytest.approx(path[name].item(), rel=1e-4), name
        assert long[name] == pytest.approx(total[name].item(), rel=1e-4), name


def test_what_is_refused(fitted):
    fit = fitted[0]["lags='both'"]
    for wrong in ("short", -1, True, 1.5, None):
        with pytest.raises(SpatialInputError, match="E501"):
            sp.what_if(fit, "a", change=1.0, horizon=wrong)
    frame, w, _ = panel()
    static = sp.sar("y ~ a + b", frame, w, **PANEL)
    with pytest.raises(SpatialInputError, match=r"E501.*static"):
        sp.what_if(static, "a", change=1.0, horizon=2)
    frame, w, _ = panel(periods=7, moving=True)
    moving = sp.sar("y ~ a + b", frame, w, **PANEL, lags="y", effects="entity")
    assert isinstance(sp.what_if(moving, "a", change=1.0).table, pd.DataFrame)
    for horizon, code in ((2, "E320"), ("long", "E712")):
        with pytest.raises(SpatialInputError, match=code):
            sp.what_if(moving, "a", change=1.0, horizon=horizon)
