"""Effects by dose: level ATT(d|d) and slope ACRT(d), of cohorts against a comparison, and their averages.

    y_it - y_i,g-1 = psi(d_i)'beta_gt + e_it        units of cohort g, by least squares
    ATT(g, t, d) = psi(d)'beta_gt - mean of y_t - y_g-1 over the comparison
    ACRT(g, t, d) = psi'(d)'beta_gt                 the derivative, or differences of bins

ATT(d|d) is the effect of dose d on the units that took it: it needs trends without treatment that are parallel. That
one dose does more than another, and ACRT(d), need strong parallel trends: units of all doses would have responded alike
to dose d. Otherwise selection into doses is in them. Averages take every treated unit once: cohorts weighted by their
units, the periods of a cohort alike; by time since adoption, cohorts by their units. All is linear in the outcomes;
with each unit left out everything but the knots, the bins and their mean doses is estimated anew. Source: Callaway,
Goodman-Bacon & Sant'Anna (2024, Difference-in-differences with a continuous treatment, NBER working paper 32117).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .comparisons import LARGEST, PROJECTIONS, hotelling, together
from .comparisons import jackknife as of_weights
from .conditional import refuse_without_overlap
from .delete_one import PART, Jackknife, Linear, jackknife, plain
from .dose import Dose, read_basis
from .dose_comparisons import Doses, DosesGivenCovariates, Estimate

EFFECTS = ("ATT", "ACRT")


def given_covariates(doses: Doses, sample: PolicySample, adjustment: str) -> DosesGivenCovariates:
    """Raises E533 for weighting, E734 without overlap in a treated period."""
    if adjustment == "weighting":
        raise SpatialInputError("E533", "effects by dose take no adjustment='weighting': odds make the comparison "
                                "alike to all treated units, not to those of a dose",
                                hint="adjustment='doubly_robust', or 'regression'")  # fmt: skip
    d = doses
    out = DosesGivenCovariates(d.own, d.others, d.period, d.start, d.base, d.dose, d.basis, d.cluster, sample.X,
                               adjustment)  # fmt: skip
    refuse_without_overlap(sample, out, ~out.overlapping, out.period >= out.start)
    return out


def read_doses(sample: PolicySample, dose: Dose, control: str, adjustment: str) -> Doses:
    """Comparisons of every cohort, given covariates where there are such.

    Raises
    ------
    SpatialInputError
        E206, E234, E533 without a comparison of the kind that ``control`` names; E730 without any; E734 covariates
        without overlap.
    """
    T, first, seen, d = len(sample.times), sample.first, sample.mass > 0, sample.dose
    assert d is not None
    treated, lowest = first < T, control == "lowest_dose"
    if lowest and not treated.all():
        raise SpatialInputError("E533", "control='lowest_dose' is for policies that leave nobody untreated",
                                column=sample.treatment, hint="control='never' or 'not_yet'")  # fmt: skip
    if lowest and len(np.unique(first)) > 1:
        raise SpatialInputError("E533", "control='lowest_dose' needs one date of adoption", column=sample.treatment,
                                hint="control='not_yet', or one cohort at a time")  # fmt: skip
    basis = read_basis(dose, d, treated, lowest)
    if lowest and not 2 <= basis.lowest.sum() < len(d):
        raise SpatialInputError("E206", f"{int(basis.lowest.sum())} unit has the lowest dose: no comparison group",
                                column=dose.column, hint='basis="bins" compares with the lowest bin')  # fmt: skip
    own, others, cells = [], [], []
    for g in np.unique(first[treated]):
        base = g - 1 - sample.anticipation
        for t in range(T):
            both = seen[t] & seen[base]
            later = (sample.start > max(t, base)) & (first != g)
            against = {"never": ~treated, "lowest_dose": basis.lowest}.get(control, later)
            mine = (first == g) & both & ~(basis.lowest & lowest)
            if t != base and mine.any() and (against & both).any():
                cells.append((t, g))
                own.append(mine)
                others.append(against & both)
    if not any(t >= g for t, g in cells):
        raise SpatialInputError("E730", "no cohort has a comparison in a treated period", column=sample.treatment,
                                hint="add units that are untreated, or control='lowest_dose'")  # fmt: skip
    period, start = np.array(cells).T
    base = start - 1 - sample.anticipation
    doses = Doses(np.array(own), np.array(others), period, start, base, d, basis, sample.cluster)
    return doses if not sample.names else given_covariates(doses, sample, adjustment)


def effects(sample: PolicySample, dose: Dose, control: str, adjustment: str, window: tuple[float, float]):
    """Averages, the path and the curve.

    Returns
    -------
    doses : Doses
    periods : ndarray, since adoption, of each estimate of the path; effect : list of its names
    places : ndarray of int, of the curve's doses among ``doses.basis.at``
    Jackknife of two averages, the path and the curve (ATT, then ACRT);  notes : list of str
    """
    doses = read_doses(sample, dose, control, adjustment)
    since = sample.clock[doses.period] - sample.clock[doses.start]
    post, usable, m = since >= 0, doses.usable, len(doses.basis.at)
    if not (post & usable[:, 1]).any():
        raise SpatialInputError("E206", f"no cohort has treated units enough for {dose.label}", column=dose.column,
                                hint="a lower degree=, fewer knots or bins")  # fmt: skip
    estimates = [Estimate(k, post & usable[:, k], True) for k in (0, 1)]
    times = np.unique(since[(since >= window[0]) & (since <= window[1])])
    path = [(name, t, Estimate(k, (since == t) & usable[:, k], False)) for k, name in enumerate(EFFECTS) for t in times]
    path = [one for one in path if one[2].at.any()]
    places = np.array([j for j in range(m) if (post & usable[:, 2 + j]).any()], dtype=int)
    curve = [Estimate(2 + k * m + j, post & usable[:, 2 + k * m + j], True) for k in (0, 1) for j in places]
    fit = estimated(doses, sample, [*estimates, *(one[2] for one in path), *curve])
    notes = _notes(doses, sample, dose, control, post)
    return doses, np.array([one[1] for one in path]), [one[0] for one in path], places, fit, notes


def _notes(doses: Doses, sample: PolicySample, dose: Dose, control: str, post) -> list[str]:
    notes = ["that one dose does more than another, and ACRT, need strong parallel trends: without them selection into "
             "doses is part of both"]  # fmt: skip
    if control == "lowest_dose":
        at = doses.dose[doses.basis.lowest].mean()
        notes.append(f"effects are those of a dose less that of the lowest, {at:.4g}: nobody is untreated")
    if isinstance(doses, DosesGivenCovariates) and doses.adjustment != "regression":
        notes.append("given covariates the average ATT is doubly robust; ACRT and the curve rest on the regression")
    small = np.unique(doses.start[post & ~doses.usable[:, 1]])
    if len(small):
        shown = ", ".join(str(sample.times[g]) for g in small)
        notes.append(f"ACRT and the curve leave out cohorts with too few doses for its {dose.label}: {shown}")
    m = len(doses.basis.at)
    part = doses.usable[:, 2 : 2 + m][post & doses.usable[:, 1]]
    if (part.any(axis=0) & ~part.all(axis=0)).any():
        notes.append("the curve's composition changes: each dose has the cohorts whose doses reach it")
    return notes


def estimated(doses: Doses, sample: PolicySample, estimates: list[Estimate]) -> Jackknife:
    """The jackknife of averages."""
    if isinstance(doses, DosesGivenCovariates):
        return of_weights(doses, sample.y.T, estimates)
    return _linear(doses, sample, estimates)[0]


def _linear(doses: Doses, sample: PolicySample, estimates: list[Estimate]) -> tuple[Jackknife, Linear]:
    """The jackknife without covariates, and what its deletions are made of."""
    T, N = sample.y.shape
    G = sample.n_clusters
    z = doses.coefficients(estimates)
    v = np.concatenate([np.tensordot(z, doses.columns(slice(at, at + 256), T), axes=(1, 2)) for at in range(0, N, 256)],
                       axis=1)  # fmt: skip
    kinds, kind = np.arange(G), np.arange(G)
    if G == N:  # units of the same comparisons and dose are alike
        place = np.empty(N, dtype=int)
        place[sample.cluster] = np.arange(N)
        rows = np.column_stack([doses.own.T, doses.others.T, doses.dose * doses.own.any(axis=0)])[place]
        _, kinds, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    members = np.split(np.argsort(sample.cluster, kind="stable"), np.cumsum(np.bincount(sample.cluster))[:-1])
    left = np.stack([doses.coefficients(estimates, members[g]) for g in kinds])[kind.ravel()]
    kept = ~np.isnan(left).any(axis=2)
    linear = Linear(v, np.nan_to_num(left - z).transpose(1, 0, 2), lambda part: doses.columns(part, T), kept.T)
    return jackknife([linear], sample.y.T, sample.cluster, plain(G)), linear


def joint(doses: Doses, sample: PolicySample, estimates: list[Estimate]) -> tuple[float, float]:
    """The joint test of a few averages: see ``comparisons.together``."""
    if isinstance(doses, DosesGivenCovariates):
        return together(doses, sample.y.T, estimates)
    fit, linear = _linear(doses, sample, estimates)
    (q, G, P), (T, N) = linear.Z.shape, sample.y.shape
    exact = q * G * N * T <= LARGEST
    width = N * T if exact else PROJECTIONS
    S = None if exact else np.random.default_rng(1).standard_normal((N * T, PROJECTIONS)) / PROJECTIONS**0.5
    blocks = np.zeros((q, G, width))
    step = max(1, PART // (T * max(P, width)))
    for start in range(0, N, step):  # the units' rows of every deletion, then of their own
        at = np.arange(start, min(N, start + step))
        B = linear.blocks(slice(at[0], at[-1] + 1))
        rows = (at[:, None] * T + np.arange(T)).ravel()
        flat = B.reshape(-1, P)
        if exact:
            blocks[:, :, rows] = linear.Z @ flat.T
        else:
            blocks += linear.Z @ (flat.T @ S[rows])  # type: ignore[index]
        own = linear.v[:, at].transpose(1, 2, 0) + B @ linear.Z[:, sample.cluster[at]].transpose(1, 2, 0)  # (n, T, q)
        for i, g in enumerate(sample.cluster[at]):
            here = slice(rows[i * T], rows[i * T] + T)
            if exact:
                blocks[:, g, here] -= own[i].T
            else:
                blocks[:, g] -= own[i].T @ S[here]  # type: ignore[index]
    return hotelling(fit, blocks, exact)
