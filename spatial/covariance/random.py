"""What random effects leave to say: variance components, and the covariance of a fit by maximum likelihood.

``RandomEffects`` is what a fit with one kind of random effects keeps in ``fit._settings.random``.
Scores are those of quasi-demeaned data, added up by unit; kappa = ln(1 + T phi) has its own:

    d ln L_i / d kappa = T r_i^2 / (2 sigma2) - 1 / 2,     r_i the unit mean of the quasi-demeaned residuals
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..design.ways import nested
from ..records.fit import FitRecord
from ..records.schema import SCHEMA, critical_value
from .groups import group_codes
from .information import inverse_information
from .scores import scores

KINDS = {
    None: "u = mu + e",
    "kkp": "inside the spatial error: u = lambda M u + mu + e (Kapoor, Kelejian & Prucha)",
    "baltagi": "beside the spatial error: u = mu + (I - lambda M)^-1 e (Baltagi, Song & Koh)",
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
    means = fit._solution.resid.reshape(fit._design.y.shape).mean(axis=0)
    kappa = (random.T * means**2 / fit.sigma2 - 1) / (2 * random.T)
    return np.column_stack([S, np.tile(kappa, random.T)])


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
        With ``effects="random"``, ``"correlated"`` or ``"chamberlain"``.
    level : float
        Coverage of the intervals, a share. They are symmetric in logarithms (theta: in ln(1 + T phi)), so that
        no variance is negative.

    Returns
    -------
    DataFrame
        In the common schema, terms ``sigma2_mu``, ``sigma2_e``, ``phi`` and ``theta``. Standard errors come from
        the observed information by the delta method; there are none for Swamy and Arora's moments, and none but
        sigma2_e's where phi = 0. Whether phi is zero is a question for ``sp.lr_test``, not for a z statistic.

    Raises
    ------
    SpatialInputError
        E501 for a fit without random effects.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> fit = sp.sdm("log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp", shapefiles.load_panel("us_states"), w,
    ...              entity="state", time="year", effects="random")
    >>> sp.variance_components(fit).set_index("term")["estimate"].round(4).to_dict()
    {'sigma2_mu': 0.0079, 'sigma2_e': 0.001, 'phi': 7.6335, 'theta': 0.9126}
    """
    random = fit._settings.random
    if random is None:
        raise SpatialInputError("E501", f"{fit._settings.effects.name!r} effects have no variance components",
                                hint="fit with effects='random'")  # fmt: skip
    estimates = [random.sigma2_mu, random.sigma2_e, random.phi, random.theta]
    table = pd.DataFrame({"term": ["sigma2_mu", "sigma2_e", "phi", "theta"], "estimate": estimates})
    table = table.reindex(columns=SCHEMA).astype(dict.fromkeys(SCHEMA[1:], float))
    if not random.by_likelihood:
        return table
    V = inverse_information(random.information, [*fit.params.index, "sigma2", "phi"])
    half, p = critical_value(level), len(fit.params)
    s2, T, phi = random.sigma2_e, random.T, random.phi
    slopes = {1: [1.0, 0.0]}  # d / d(sigma2, kappa)
    if not random.on_boundary:
        e = 1 + T * phi
        slopes |= {0: [phi, s2 * e / T], 2: [0.0, e / T], 3: [0.0, 0.5 / np.sqrt(e)]}
    for row, slope in slopes.items():
        J = np.array(slope)[: len(V) - p]
        se = float(np.sqrt(J @ V[p:, p:] @ J))
        grow = half * se / estimates[row]
        low, high = estimates[row] * np.exp([-grow, grow])
        if row == 3:  # by kappa, which theta rises with
            low, high = 1 - np.exp(-(np.log(e) + np.array([-1, 1]) * half * se * 2 * np.sqrt(e)) / 2)
        table.loc[row, ["std_error", "conf_low", "conf_high"]] = se, low, high
    return table


def random_text(fit: FitRecord) -> list[str]:
    """The header's lines about random effects."""
    random, table = fit._settings.random, variance_components(fit)
    parts = {term: (estimate, se) for term, estimate, se in zip(*(table[name].tolist() for name in SCHEMA[:3]))}

    def value(term: str) -> str:
        estimate, se = parts[term]
        return f"{term} {estimate:.4g}" + (f" ({se:.3g})" if np.isfinite(se) else "")

    moments = "Kapoor, Kelejian and Prucha's moments" if random.error else "Swamy and Arora's moments"
    method = "maximum likelihood" if random.by_likelihood else moments
    names = ("sigma2_mu", "phi") if random.error == "baltagi" else ("sigma2_mu", "phi", "theta")
    lines = [f"unit effects: {KINDS[random.error]}", f"their variance by {method}: " + ", ".join(map(value, names))]
    if random.on_boundary:
        lines.append("phi = 0 on its boundary: no variance is left for unit effects, so this is the pooled fit "
                     "(effects='none'), and phi has no standard error")  # fmt: skip
    return lines
