"""What random effects leave to say: variance components, and the covariance of a fit by maximum likelihood.

``RandomEffects`` is what a fit with one kind of random effects keeps in ``fit._settings.random``.
Scores are those of quasi-demeaned data, added up by unit; kappa = ln(1 + T phi) has its own:

    d ln L_i / d kappa = T r_i^2 / (2 sigma2) - 1 / 2,     r_i the unit mean of the quasi-demeaned residuals
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..design.unit_rows import UnitRows
from ..design.ways import nested
from ..records.fit import FitRecord
from ..records.missing import MissingRecord
from ..records.schema import SCHEMA, critical_value
from ..solve.composed import information_of_levels
from ..solve.serial import filtered_units
from .deviations import deviations, has_several
from .groups import group_codes
from .information import inverse_information, observed
from .scores import scores

KINDS = {
    None: "u = mu + {e}",
    "kkp": "inside the spatial error: u = lambda M u + mu + {e} (Kapoor, Kelejian & Prucha)",
    "baltagi": "beside the spatial error: u = mu + (I - lambda M)^-1 {e} (Baltagi, Song & Koh)",
}


def by_random_ml(fit: FitRecord) -> bool:
    """Whether a fit has random effects by maximum likelihood."""
    random = fit._settings.random
    return random is not None and random.by_likelihood


def random_covariance(fit: FitRecord) -> np.ndarray:
    """Of (beta, rho, lambda), from the observed information of all parameters, phi among them."""
    p = len(fit.params)
    return inverse_information(fit._settings.random.information, list(fit.params.index))[:p, :p]


def random_scores(fit: FitRecord) -> np.ndarray:
    """Scores by row of (beta, rho, lambda, sigma2, kappa), ordered as the information; they hold summed by unit."""
    S, random = scores(fit._sample, fit._solution), fit._settings.random
    if random.on_boundary:
        return S
    return np.column_stack([S, kappa_scores(fit, fit._solution.resid)])


def unit_rows(fit: FitRecord) -> UnitRows:
    """The directions of the unit effects in the rows of the sample: those of the filter over time, if there is one."""
    d, serial = fit._design, fit._settings.serial
    return UnitRows.of(d) if serial is None else filtered_units(UnitRows.of(d), serial.psi, d.n_periods)


def kappa_scores(fit: FitRecord, e: np.ndarray) -> np.ndarray:
    """Scores of kappa by row of residuals (m,): a T_i-th of the unit's each. With psi r_i is the mean over periods that
    c weights and T_i is d2_i (``solve.serial``). With T their mean and a_i = T_i (1 + T phi) / (T (1 + T_i phi)),

        d ln L_i / d kappa = a_i (T_i r_i^2 / sigma2 - 1) / 2
    """
    units, phi = unit_rows(fit), fit._settings.random.phi
    counts, mean = units.counts, units.mean_count
    share = counts / mean * (1 + mean * phi) / (1 + counts * phi)
    rows = np.bincount(units.codes)
    return ((counts * units.means(e / deviations(fit)) ** 2 - 1) * share / (2 * rows))[units.codes]


def quasi_demeaned_twice(fit: FitRecord, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R e and R^-1 e of rows, R the quasi-demeaning: the score's forms are R P R^-1 in white errors. Where P is the
    same in all periods, and so are the units, they commute and both are e."""
    if not by_random_ml(fit) or not (fit._design.varies or fit._design.obs_weights is not None):
        return e, e
    units, phi = unit_rows(fit), fit._settings.random.phi
    root = np.sqrt(1 + units.counts * phi)
    return units.less(e, 1 - 1 / root), units.less(e, 1 - root)


def refuse_for_random(error: str | None, chosen, fit: FitRecord | None = None) -> None:
    """Covariances that random effects by maximum likelihood do not have.

    Raises
    ------
    SpatialInputError
        E715.
    """
    kind = type(chosen).__name__
    why = None
    if getattr(chosen, "kind", "oim") == "eim":
        why = "the expected information is not there for random effects"
    elif kind in ("DriscollKraay", "Bootstrap"):
        why = f"{kind} needs errors that are independent over time, and unit effects are not"
    elif error == "baltagi" and kind != "Information":
        why = "unit effects beside a spatial error leave no scores that are independent by unit"
    elif kind in ("Cluster", "Jackknife") and fit is not None:
        units, _ = group_codes(fit._design, "entity")
        by = chosen.by if isinstance(chosen.by, list | tuple) else [chosen.by]
        if not all(nested(units, group_codes(fit._design, one)[0]) for one in by):
            why = "groups must hold whole units: the unit effects tie their periods together"
    if why:
        hint = "use 'oim'" if error == "baltagi" else "use 'oim', 'robust' or clusters of units"
        raise SpatialInputError("E715", f"this covariance cannot be had with random effects: {why}", hint=hint)


def variance_components(fit: FitRecord, *, level: float = 0.95) -> pd.DataFrame:
    """Variances of unit effects and errors, their ratio phi and the share theta of unit means that is taken out.

    Parameters
    ----------
    fit : FitRecord
        With ``effects="random"``, ``"correlated"`` or ``"chamberlain"``, or with ``serial="ar1"``.
    level : float
        Coverage of the intervals, a share. That of sigma2_e is symmetric in its logarithm; those of sigma2_mu, phi and
        theta in ln(1 + T phi), cut off at 0, so that no variance is negative.

    Returns
    -------
    DataFrame
        In the common schema, terms ``sigma2_mu``, ``sigma2_e``, ``phi`` and ``theta``, and ``psi`` of serially
        correlated errors, whose sigma2_e is that of the innovations; its interval is symmetric in atanh(psi). Standard
        errors come from the observed information by the delta method; there are none for Swamy and Arora's moments,
        and none of sigma2_mu, phi and theta where phi = 0. With gaps theta is that of a unit with the mean number of
        periods. Where sigma2 differs between regimes sigma2_e and sigma2_mu are those of each, ``east: sigma2_e`` ...
        Whether phi is zero is a question for ``sp.lr_test``, not for a z statistic.

    Raises
    ------
    SpatialInputError
        E501 for a fit without random effects and without serial correlation.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> fit = sp.sdm("log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp", shapefiles.load_panel("us_states"), w,
    ...              entity="state", time="year", effects="random")
    >>> sp.variance_components(fit).set_index("term")["estimate"].round(4).to_dict()
    {'sigma2_mu': 0.0079, 'sigma2_e': 0.001, 'phi': 7.6335, 'theta': 0.9126}
    """
    random, serial = fit._settings.random, fit._settings.serial
    if random is None and serial is None:
        raise SpatialInputError("E501", f"{fit._settings.effects.name!r} effects have no variance components",
                                hint="fit with effects='random'")  # fmt: skip
    s2 = variances_by_name(fit)
    estimates = {f"{of}sigma2_e": value for of, value in s2.items()}
    if random is not None:
        estimates = {f"{of}sigma2_mu": random.phi * value for of, value in s2.items()} | estimates
        estimates |= {"phi": random.phi, "theta": random.theta}
    if serial is not None:
        estimates["psi"] = serial.psi
    table = pd.DataFrame({"term": [*estimates], "estimate": [*estimates.values()]})
    table = table.reindex(columns=SCHEMA).astype(dict.fromkeys(SCHEMA[1:], float)).set_index("term")
    if random is not None and not random.by_likelihood:
        return table.reset_index()
    half, V = critical_value(level), _of_variances(fit)
    for term, slope in _slopes(fit).items():
        se = float(np.sqrt(slope @ V @ slope))
        ends = _interval(term, estimates[term], half * se, random)
        table.loc[term, ["std_error", "conf_low", "conf_high"]] = se, *ends
    if serial is not None:
        table.loc["psi", ["std_error", "conf_low", "conf_high"]] = serial.std_error, *serial.interval(half)
    return table.reset_index()


def variances_by_name(fit: FitRecord) -> dict[str, float]:
    """sigma2_e, or that of every regime by its label: ``"east: "``."""
    random, several = fit._settings.random, getattr(fit._solution, "sigma2s", ())
    if len(several) > 1:
        return {f"{label}: ": float(value) for label, value in zip(fit.split.labels, several)}  # type: ignore[attr-defined]
    return {"": fit.sigma2 if random is None else random.sigma2_e}


def _interval(term: str, value: float, half: float, random) -> np.ndarray:
    """The ends of an interval from the half width of the estimate.

    That of sigma2_e > 0 is symmetric in its logarithm. sigma2_mu, phi and theta may be 0: they rise with
    kappa = ln(1 + d2 phi), in which theirs is symmetric, and what lies below 0 is cut off. In ln phi it would have no
    upper end near phi = 0.
    """
    ways = np.array([-1.0, 1.0])
    if term.endswith("sigma2_e"):
        return value * np.exp(ways * half / value)
    if term == "theta":
        kappa, slope = -2 * np.log1p(-value), 2 / (1 - value)
        return -np.expm1(-np.maximum(kappa + ways * half * slope, 0.0) / 2)
    scale = random.d2 / (value / random.phi if term.endswith("sigma2_mu") else 1.0)
    ends = np.log1p(scale * value) + ways * half * scale / (1 + scale * value)
    return np.expm1(np.maximum(ends, 0.0)) / scale


def _of_variances(fit: FitRecord) -> np.ndarray:
    """Of every sigma2, of kappa where phi > 0, and of z = atanh(psi) with errors correlated over time."""
    if isinstance(fit, MissingRecord):
        return fit._solution.components
    random, serial, p = fit._settings.random, fit._settings.serial, len(fit.params)
    if has_several(fit) and random is None:
        information = information_of_levels(fit._solution)  # type: ignore[arg-type]
    else:
        information = observed(fit._sample, fit._solution) if random is None else random.information
    V = inverse_information(information, [*fit.params.index, "sigma2", "phi"])[p:, p:]
    if serial is None:
        return V
    both = np.append(serial.slopes[p : p + len(V)], 1.0)
    return np.pad(V, (0, 1)) + serial.variance * np.outer(both, both)


def _slopes(fit: FitRecord) -> dict[str, np.ndarray]:
    """Of each variance component by (sigma2 ..., kappa, z), those of them that were estimated."""
    random, serial, s2 = fit._settings.random, fit._settings.serial, variances_by_name(fit)
    S, free = len(s2), random is not None and not random.on_boundary
    zero = np.zeros(S + free + (serial is not None))

    def at(place: int, value: float = 1.0) -> np.ndarray:
        out = zero.copy()
        out[place] = value
        return out

    slopes = {f"{of}sigma2_e": at(g) for g, of in enumerate(s2)}
    if not free:
        return slopes
    d2, phi = random.d2, random.phi
    e = 1 + d2 * phi
    of_phi = at(S, e / d2)
    if serial is not None:
        of_phi[-1] = -phi * serial.slope_of_d2 / d2
    slopes |= {f"{of}sigma2_mu": at(g, phi) + value * of_phi for g, (of, value) in enumerate(s2.items())}
    return slopes | {"phi": of_phi, "theta": at(S, 0.5 / np.sqrt(e))}


def random_text(fit: FitRecord) -> list[str]:
    """The header's lines about random effects."""
    random, value = fit._settings.random, _values(fit)
    moments = "Kapoor, Kelejian and Prucha's moments" if random.error else "Swamy and Arora's moments"
    method = "maximum likelihood" if random.by_likelihood else moments
    names = [f"{of}sigma2_mu" for of in variances_by_name(fit)] + ["phi", "theta"][: 2 - (random.error == "baltagi")]
    process = KINDS[random.error].format(e="e" if fit._settings.serial is None else "nu")
    lines = [f"unit effects: {process}",
             f"their variance by {method}: " + ", ".join(value[name] for name in names)]  # fmt: skip
    d = fit._design
    if d.obs_weights is not None and "theta" in names:
        lines.append(f"theta is that of a unit with the mean sum of weights, {random.d2:.4g}")
    elif d.observed is not None and "theta" in names:
        lines.append(f"theta is that of a unit with the mean number of periods, {d.nobs / d.n_units:.4g}")
    if random.on_boundary:
        pooled = "the pooled fit (effects='none')" + " with psi" * (fit._settings.serial is not None)
        lines.append(f"phi = 0 on its boundary: no variance is left for unit effects, so this is {pooled}, and phi has "
                     "no standard error")  # fmt: skip
    return lines


def serial_text(fit: FitRecord) -> str:
    """The header's line about errors that are correlated over time."""
    text = f"errors over time: nu_t = psi nu_(t-1) + e_t, {_values(fit)['psi']}"
    effects = fit._settings.effects  # of those behind | the header says more
    return text + "; effects leave by transformation" * (effects.fixed and not effects.ways)


def _values(fit: FitRecord) -> dict[str, str]:
    """``"phi 7.634 (1.2)"`` of each variance component."""
    table = variance_components(fit)
    return {term: f"{term} {estimate:.4g}" + (f" ({se:.3g})" if np.isfinite(se) else "")
            for term, estimate, se in zip(*(table[name].tolist() for name in SCHEMA[:3]))}  # fmt: skip
