"""Mediation through spatial models: how much of the effect of x on y passes through a mediator m.

    m = rho_m W m + x a + W x c + controls + e_m
    y = rho_y W y + x b + W x d + m g + W m h + controls + e_y

Two distinctions cross. By **path**: what passes through m, S_ym S_mx, is *mediated*; the rest, S_yx, is *unmediated*.
By **place**: on the unit's own outcome an effect is *direct* (average diagonal), on others' *indirect*. A mediated
indirect effect, say: x at home raises m next door, or m at home, which raises y next door. S are the matrices of
responses, as in ``spatial.effects``; mediated and unmediated add up to the total path.

The reading is causal only if x, and m given x, are as good as random given controls and effects: no omitted cause of
both m and y, at home or next door. Sources: Baron & Kenny (1986, J. Personality and Social Psychology
51:1173-1182); Imai, Keele & Yamamoto (2010, Statistical Science 25:51-71) for the assumptions; LeSage & Pace (2009),
eq. 2.46 for S.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.show import Shown

from ..design.design import Design, spatial_lag
from ..design.formula import canonical, read_formula
from ..design.options import ModelOptions
from ..effects.propagate import selectors
from ..logdet.inverse import inverse
from ..models.estimate import estimate_design
from ..models.fit import Fit
from ..models.reading import read
from ..models.refit import all_refits
from ..models.sar import SAR
from ..models.sdm import SDM
from ..models.slx import SLX
from ..records.schema import SCHEMA
from ._sample import balanced_cures, treatment_term

if TYPE_CHECKING:
    from spillover.types import WeightsLike

MODELS = {"sdm": SDM, "sar": SAR, "slx": SLX}
PATHS = ("mediated", "unmediated", "total")
PLACES = ("direct", "indirect", "total")
DENSE_MAX = 5_000


@dataclass(frozen=True, eq=False)
class Mediation(Shown):
    """Effects of x on y by path (through the mediator or not) and by place (at home or next door).

    Attributes
    ----------
    table : DataFrame
        ``path`` (mediated, unmediated, total), ``effect`` (direct, indirect, total), then the common schema.
    share : DataFrame
        The part of the total path that is mediated, by ``effect``, with interval; of little meaning where the
        total is near zero.
    fits : dict
        ``"without mediator"``, ``"mediator"``, ``"with mediator"``: the three regressions of the usual table.
    drawn : ndarray, shape (draws, 3 paths, 3 places)
    settings : dict
    """

    table: pd.DataFrame
    share: pd.DataFrame
    fits: dict[str, Fit] = field(repr=False)
    drawn: np.ndarray = field(repr=False)
    settings: dict = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        return self.table.copy()


@takes_frames
def mediation(
    formula: str, data: pd.DataFrame, w: WeightsLike, *, variable: str | None = None, mediator: str, model: str = "sdm",
    entity: str | None = None, time: str | None = None, effects: str | None = None, draws: int = 999, seed: int = 1,
    level: float = 0.95, missing: str = "error",
) -> Mediation:  # fmt: skip
    """How much of an effect passes through a mediator, at home and next door.

    Parameters
    ----------
    formula : str
        ``"log(tfp) ~ finance + controls"``, without the mediator.
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    variable : str, optional
        The regressor whose effect is split; may be left out where it is the only one, or the only one that is 0 or 1.
    mediator : str
        A term, as ``"log(patents)"``.
    model : {"sdm", "sar", "slx"}
        Of both equations.
    entity, time, effects, missing
        As for all models: see ``spatial.models.family``.
    draws, seed : int
        Bootstrap samples: units' whole histories of both equations' residuals, drawn together with replacement, go
        through both models, which are estimated again. The same seed gives the same bits.
    level : float
        Coverage of the percentile intervals, widened for few units; p-values are those of the interval.

    Returns
    -------
    Mediation

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units, E501 options, E502 terms, E533 fewer than 20 draws, E538 a mediator that is in the
        formula already; and what the model raises.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> split = sp.mediation("log(gsp) ~ log(pcap)", shapefiles.load_panel("us_states"), w, variable="log(pcap)",
    ...                      mediator="log(emp)", entity="state", time="year", draws=50)
    >>> split.table.query("effect == 'total'")["estimate"].round(2).tolist()
    [0.89, -0.12, 0.77]
    """
    check_option("model", model, MODELS)
    check_option("missing", missing, ("error", "drop"))
    if draws < 20:
        raise SpatialInputError("E533", f"draws={draws} must be 20 or more for an interval", hint="draws=999")
    options = ModelOptions(entity=entity, time=time, effects=effects, missing=missing)
    with balanced_cures():
        d, to_mediator, both = _read(formula, mediator, data, w, options)
    if d.n_units > DENSE_MAX:
        raise SpatialInputError("E309", f"products of responses need all eigenvalues of W, {d.n_units:,} here",
                                n=d.n_units,
                                hint="use fewer units")  # fmt: skip
    if d.weights.varies:
        raise SpatialInputError("E501", "mediation takes one W for all periods", hint="w.mean() is one matrix")
    x = treatment_term(variable, d, "variable")
    without, of_m, of_y = (estimate_design(MODELS[model], part, options) for part in (d, to_mediator, both))
    name = to_mediator.response

    spectrum = Spectrum(d.weights)
    at = _effects(spectrum, of_m, of_y, x, name, of_m.params.to_numpy()[None], of_y.params.to_numpy()[None])[0]
    drawn = _effects(spectrum, of_m, of_y, x, name, *_bootstrap(of_m, of_y, name, draws, seed))
    drawn = drawn[np.isfinite(drawn).all(axis=(1, 2))]
    table, share = _tables(at, drawn, x, level, d.n_units)
    settings = {"x": x, "mediator": name, "response": d.response, "formula": formula, "model": of_y.specification.name,
                "draws": draws, "kept": len(drawn), "seed": seed, "level": level}  # fmt: skip
    fits = {"without mediator": without, "mediator": of_m, "with mediator": of_y}
    return Mediation(table, share, fits, drawn, settings)


def _read(formula: str, mediator: str, data: pd.DataFrame, w, options: ModelOptions) -> tuple[Design, Design, Design]:
    """Of the same units: the formula, the mediator on the formula's right side, and the formula with the mediator."""
    if isinstance(data, pd.DataFrame):
        read_formula(formula, data.columns)  # what is wrong with it is said in its own words
    left, _, rest = str(formula).partition("~")
    right, bar, absorbed = rest.partition("|")
    both = read(f"{left}~{right} + {mediator} {bar}{absorbed}", data, w, options)
    own = read_formula(formula, data.columns)
    kept = {name for name, _ in own.right}
    added = [j for j, name in enumerate(both.names) if both.encoding.origin[name] not in kept]
    if not added or canonical(mediator) == own.response:
        raise SpatialInputError("E538", f"the mediator {mediator!r} is in the formula already", column=str(mediator),
                                hint="leave it out there: it is added where it belongs")  # fmt: skip
    if len(added) > 1 or both.names[added[0]] in both.encoding.dummies:
        raise SpatialInputError("E203", f"the mediator {mediator!r} must be one column of numbers",
                                column=str(mediator), hint="as in 'log(patents)'")  # fmt: skip
    (j,) = added
    plain = replace(
        both, X=np.delete(both.X, j, axis=2), names=tuple(name for name in both.names if name != both.names[j]),
        formula=own.text, encoding=replace(both.encoding, terms=own),
    )  # fmt: skip
    to_mediator = replace(plain, y=both.X[:, :, j].copy(), response=both.names[j], formula=f"{mediator} ~{right}")
    return plain, to_mediator, both


class Spectrum:
    """Average diagonal and average row sum of f(W), from W's eigenvalues: any product of responses is such an f."""

    def __init__(self, weights):
        W = weights.csr.toarray()
        self.n = len(W)
        if weights.rows_sum_to_one:
            self.values, self.sums = np.linalg.eigvals(W), None
        else:
            self.values, V = np.linalg.eig(W)
            self.sums = V.sum(axis=0) * np.linalg.solve(V, np.ones(self.n)) / self.n

    def places(self, f) -> np.ndarray:
        """(draws, 3): direct, indirect, total of f, a function of points (p,) to (draws, p)."""
        direct = f(self.values).mean(axis=1).real
        total = f(np.ones(1))[:, 0].real if self.sums is None else (f(self.values) @ self.sums).real
        return np.stack([direct, total - direct, total], axis=1)


def _response(fit: Fit, term: str, params: np.ndarray):
    """f of S = (I - rho W)^-1 (beta I + theta W) at draws of the parameters (R, p)."""
    c = params @ selectors(fit, [term])[:, 0, :].T
    rho = params[:, fit.params.index.get_loc("rho")] if fit.specification.lag else np.zeros(len(params))

    def f(points):
        powers = points[None] ** np.arange(c.shape[1])[:, None]
        return (c @ powers) / (1 - rho[:, None] * points)

    return f


def _effects(spectrum, of_m, of_y, x, m, params_m, params_y) -> np.ndarray:
    """(R, 3 paths, 3 places)."""
    m_of_x, y_of_m, y_of_x = _response(of_m, x, params_m), _response(of_y, m, params_y), _response(of_y, x, params_y)
    mediated = spectrum.places(lambda points: y_of_m(points) * m_of_x(points))
    unmediated = spectrum.places(y_of_x)
    return np.stack([mediated, unmediated, mediated + unmediated], axis=1)


def _bootstrap(of_m: Fit, of_y: Fit, m: str, draws: int, seed: int):
    """Both equations' parameters, (draws, p) each, on samples with units' histories of residuals drawn anew.

        m* = m + A_m^-1 (e_m* - e_m),    y* = y + A_y^-1 (g (m* - m) + h W (m* - m) + e_y* - e_y)
    """
    d, W = of_y._design, of_y._design.weights
    T, N = d.y.shape
    e_m, e_y = (fit._solution.resid.reshape(T, N) for fit in (of_m, of_y))
    scale_m, scale_y = (np.sqrt(T * N / fit._sample.n) for fit in (of_m, of_y))
    histories = np.random.default_rng(seed).integers(N, size=(draws, N))
    through_m, through_y = inverse(W, of_m.rho), inverse(W, of_y.rho)
    g, h = of_y.params[m], of_y.params.get(f"W:{m}", 0.0)

    def filtered(through, values):  # (draws, T, N), units last
        return through.solve(values.reshape(-1, N).T).T.reshape(values.shape)

    new_m = np.moveaxis(e_m[:, histories], 1, 0) * scale_m - e_m
    change = filtered(through_m, new_m)
    lagged = spatial_lag(W.csr, change.reshape(-1, N)).reshape(change.shape)
    new_y = np.moveaxis(e_y[:, histories], 1, 0) * scale_y - e_y
    Y = d.y + filtered(through_y, g * change + h * lagged + new_y)
    M = of_m._design.y + change
    return all_refits(of_m, y=M).params, all_refits(of_y, y=Y, x={m: M}).params


def _tables(at, drawn, x, level, units):
    low, high, p = percentiles(drawn.reshape(len(drawn), 9), level, units)
    table = pd.DataFrame({"path": np.repeat(PATHS, 3), "effect": np.tile(PLACES, 3), "term": x, "estimate": at.ravel(),
                          "std_error": drawn.reshape(len(drawn), 9).std(axis=0, ddof=1),
                          "statistic": np.sign(at.ravel()) * -ndtri(p / 2), "p_value": p,
                          "conf_low": low, "conf_high": high})  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        share_low, share_high, _ = percentiles(drawn[:, 0] / drawn[:, 2], level, units)
        share = pd.DataFrame({"effect": PLACES, "mediated": at[0] / at[2], "conf_low": share_low,
                              "conf_high": share_high})  # fmt: skip
    return table[["path", "effect", *SCHEMA]], share


def percentiles(drawn: np.ndarray, level: float, units: int):
    """Percentile intervals of draws (B, E), widened for few units, and p-values: the least 1 - level whose interval
    leaves zero out. Too few draws for a level leave its interval infinite.

    The ends are the k-th lowest and highest draws, k = (B + 1) Phi(-sqrt(N / (N - 1)) t(N - 1)): a bootstrap variance
    divides by N, and normal quantiles are those of many units (Hesterberg 2015, American Statistician 69:371-386: the
    expanded percentile interval).

    Examples
    --------
    >>> low, high, p = percentiles(np.arange(-99.0, 900.0)[:, None], 0.95, 10_000)
    >>> (low[0], high[0], p[0].round(2))
    (np.float64(-76.0), np.float64(876.0), np.float64(0.2))
    """
    B, widen = len(drawn), np.sqrt(units / (units - 1))
    share = ndtr(-widen * stdtrit(units - 1, (1 + level) / 2))
    k = int(np.floor(share * (B + 1) + 1e-9))
    ordered = np.sort(drawn, axis=0)
    low, high = (ordered[k - 1], ordered[B - k]) if k else np.outer([-np.inf, np.inf], np.ones(drawn.shape[1]))
    beyond = 1 + np.minimum((drawn <= 0).sum(axis=0), (drawn >= 0).sum(axis=0))
    tail = np.minimum(beyond / (B + 1), 0.5)
    return low, high, 2 * stdtr(units - 1, ndtri(tail) / widen)
