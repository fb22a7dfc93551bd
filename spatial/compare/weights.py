"""``compare_weights``: the same models under every W."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.matrix import as_weights

from ..models.fit import Fit
from ..models.regimes import refuse_here
from .alike import identical
from .common import on_common_units
from .comparison import Comparison
from .estimates import SCHEMA, Lazy, of_row, row_of
from .jobs import run
from .journal import opened
from .prior import DEFAULT, Prior, prior_probabilities
from .work import AT_ONCE, Work, done_together, uncorrected

if TYPE_CHECKING:
    from spillover.types import PathLike


@takes_frames
def compare_weights(
    weights: Mapping | Iterable,
    *,
    model: Callable[..., Fit] | Iterable[Callable[..., Fit]],
    formula: str,
    data: pd.DataFrame,
    prior: Prior | None = None,
    probabilities: Mapping | None = None,
    common: bool = False,
    progress: Callable | None = None,
    n_jobs: int = 1,
    client: Any = None,
    journal: PathLike | None = None,
    resume: bool = False,
    **options: Any,
) -> Comparison:
    """Fit one model, or several, under every W.

    Parameters
    ----------
    weights : mapping of names to weights, or iterable of weights, which are named by their kind
        Anything that the models take, time-varying ones (``wt.temporal``) among them.
    model : function, or several
        ``sp.sdm``, or ``[sp.slx, sp.sar, sp.sdm]`` for posterior probabilities in two dimensions.
    formula, data, **options
        As the models take them.
    prior : Prior, optional
        Of rho and the slopes: uniform and the g-prior by default.
    probabilities : mapping of names to numbers, optional
        Prior probabilities of the W; equal by default. A W of zero is fitted, but left out of averages.
    common : bool
        Compare on the units that all W have in common, and leave the rest of the data out.
    progress : callable, optional
        Wraps the iteration, as ``rich.progress.track`` does.
    n_jobs : int
        Processes (needs joblib); -1 takes all cores.
    client : dask.distributed.Client, optional
        Fit on a cluster instead.
    journal : path, optional
        A folder to which estimates are written as they come, as parquet (``pd.read_parquet`` reads it at any time).
    resume : bool
        Continue a journal that is there, after a crash or with more W: what it has is not estimated again.

    Returns
    -------
    Comparison
        A W under which a model cannot be estimated is reported in its row; the others are estimated. After Ctrl-C it
        holds the fits so far. Many W are estimated together, and ``fits`` estimates a single fit on first use: the
        same to far less than a millionth of a standard error.

    Raises
    ------
    SpatialInputError
        E501 when there are no weights, or for options; E510 priors; E512 no common units; E514, E603 and E605 the
        journal; E515 a package that is not installed; and the error of the first W, when none of them can be used.

    Notes
    -----
    LeSage & Pace (2009), ch. 6; LeSage (2014, Spatial Economic Analysis 9:255-278).

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    >>> ws = {"queen": wt.queen(states).standardize("row"), "knn5": wt.knn(states, 5).standardize("row")}
    >>> both = sp.compare_weights(ws, model=sp.sar, formula="log(gsp) ~ log(emp)", data=panel,
    ...                           entity="state", time="year")
    >>> both.best
    'queen'
    """
    refuse_here(options.get("regimes"))
    named, models = _named(weights), _models(model)
    _check_prior(prior)
    if probabilities is not None:
        prior_shares = prior_probabilities(probabilities, list(named))
        probabilities = dict(zip(named, prior_shares.tolist()))
    notes = []
    if common:
        named, data, note = on_common_units(named, data, options.get("entity"))
        notes.append(note)
    jobs = [(name, at) for name in named for at in range(len(models))]
    keys = [(name, models[m].__name__.upper()) if len(models) > 1 else name for name, m in jobs]
    work = Work(_in_one_order(named), models, formula, data, options, prior or DEFAULT)
    with opened(journal, SCHEMA, resume=resume) as book:
        names = [""] * len(jobs) if journal is None else work.keys(jobs)
        done = {i: (of_row(book.rows[key]), None) for i, key in enumerate(names) if key in book.rows}

        def keep(i, result):
            if journal is not None:
                book.add(names[i], row_of(result[0], *work.names(jobs[i])))

        outcomes, whole = run(jobs, done_together, work.with_leads(len(jobs) - len(done)), n_jobs=n_jobs, client=client,
                           progress=progress, done=done, keep=keep, at_once=AT_ONCE * len(models))  # fmt: skip
    results = {keys[i]: result for i, result in outcomes.items()}
    estimates = {key: one for key, (one, _) in results.items() if not isinstance(one, SpatialInputError)}
    failed = {key: one for key, (one, _) in results.items() if isinstance(one, SpatialInputError)}
    if not estimates:
        raise next(iter(failed.values()), None) or KeyboardInterrupt
    if not whole:
        notes.append(f"interrupted: {len(outcomes)} of {len(jobs)} fits are done")
    by_key = dict(zip(keys, jobs))
    single = {key: fit for key, (_, fit) in results.items() if fit is not None}
    fits = Lazy(estimates, partial(work.fit, by_key), single)
    used = work.used(fits, by_key)
    return Comparison(fits, {key: _in_words(error) for key, error in failed.items()}, prior or DEFAULT,
                      probabilities, tuple(notes + _remarks(used, estimates)), estimates, used,
                      partial(uncorrected, work, {key: by_key[key] for key, one in estimates.items()
                                                  if np.isfinite(one.log_marginal)}))  # fmt: skip


def _in_words(error: SpatialInputError) -> str:
    """The text of a W that failed; for different units it names the remedy."""
    remedy = "; common=True compares on the units that all have" if error.code == "E101" else ""
    return f"{error.code}: {error.message}{remedy}"


def _check_prior(prior) -> None:
    """Check the prior before the fits."""
    if not isinstance(prior, Prior | None):
        raise SpatialInputError("E510", f"prior={prior!r} is no Prior", hint='as in prior=sp.Prior("beta")')


def _in_one_order(named) -> dict:
    """The units of every W in the first W's order, where they are the same; invalid W fail later, in their rows."""
    out, ids = {}, None
    for name, candidate in named.items():
        try:
            w = as_weights(candidate)
        except SpatialInputError:
            out[name] = candidate
            continue
        if ids is None and w.labelled:
            ids = w.ids
        if ids is not None and w.labelled and not w.ids.equals(ids) and w.n == len(ids) and w.ids.isin(ids).all():
            w = w.reordered(w.ids.get_indexer(ids))
        out[name] = w
    return out


def _named(weights) -> dict:
    """Weights by text names; those of an iterable are named by their kind, numbered where it repeats."""
    if isinstance(weights, Mapping):
        named = {str(name): w for name, w in weights.items()}
    elif isinstance(weights, Iterable) and not isinstance(weights, str | pd.DataFrame) and not hasattr(weights, "csr"):
        named = {}
        for w in weights:
            kind = getattr(w, "kind", None) or as_weights(w).kind
            same = sum(name == kind or name.startswith(f"{kind} (") for name in named)
            named[f"{kind} ({same + 1})" if same else kind] = w
    else:
        named = {}
    if not named:
        raise SpatialInputError("E501", "weights must be a mapping of names to weights, with one at least",
                                hint="{'queen': w1, '5 nearest': w2}")
    return named


def _models(model) -> list:
    models = list(model) if isinstance(model, Iterable) else [model]
    if not models or not all(callable(m) for m in models):
        raise SpatialInputError("E501", "model must be a function such as sp.sdm, or several of them",
                                hint="model=sp.sdm, or model=[sp.sar, sp.sdm]")
    if len(set(models)) < len(models):
        raise SpatialInputError("E501", "a model is named twice", hint="name each of them once")
    return models


def _listed(keys) -> str:
    """The first few of them."""
    names = [" ".join(key) if isinstance(key, tuple) else key for key in keys]
    return ", ".join(names[:5]) + f" and {len(names) - 5} more" * (len(names) > 5)


def _remarks(used: dict, estimates: dict) -> list[str]:
    """Remarks on the weights for the reader of the comparison."""
    notes = [f"{a} and {b} are the same matrix, so they share its probability" for a, b in identical(used)]
    row = {name: w for name, w in used.items() if w.standardization == "row"}
    for name, w in row.items():
        if len(row) > 1 and w.alone.any():
            units = ", ".join(map(str, w.islands[:5])) + " ..." * (len(w.islands) > 5)
            notes.append(f"{name} has {len(w.islands)} islands ({units}), whose rows of zeros are not standardised")
    untold = [key for key, one in estimates.items() if np.isnan(one.log_marginal)]
    if 0 < len(untold) < len(estimates):
        notes.append(f"{_listed(untold)}: no posterior probability, since rho has no interval for a uniform prior; "
                    "prior=sp.Prior('beta') is one over (-1, 1)")  # fmt: skip
    if len({one.correction == "True" for one in estimates.values()}) > 1:
        notes.append("the fits differ in their Lee-Yu correction, so log-likelihoods, AIC and BIC are not of the same "
                    "data; posterior probabilities are of likelihoods without it")  # fmt: skip
    return notes
