"""Placebo W: the same map with the units' names shuffled. What would rho and the effects be without spatial dependence?

A random relabelling keeps the links, the standardisation and the spectrum of W, and changes which units are
neighbors. Estimates over many relabellings are the distribution under the null that location does not matter; the
estimate under the actual W is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown
from spillover.values import whole_number

from ..effects.average import KINDS
from ..explore._null import pseudo_p
from ..models.fit import Fit
from ..models.refit import all_refits
from ..records.schema import rows_of
from .jobs import run
from .journal import description_of, digest_of, key_of, opened

if TYPE_CHECKING:
    from spillover.types import PathLike

AT_ONCE = 64  # relabellings that are estimated together
SCHEMA = {"draw": "whole", "params": "numbers", "effects": "numbers"}


@dataclass(frozen=True, eq=False)
class PlaceboWeights(Shown):
    """Estimates under random relabellings of the units.

    Attributes
    ----------
    fit : Fit
        Under the actual W.
    names : tuple of str
        The spatial parameters: "rho" and/or "lambda".
    params : ndarray, shape (R, len(names))
        NaN where a relabelling has no estimate.
    effects : ndarray, shape (R, 3, v)
        Direct, indirect, total by variable.
    actual : ndarray, shape (3, v)
    variables : tuple of v str
    seed : int
    """

    fit: Fit = field(repr=False)
    names: tuple[str, ...]
    params: np.ndarray = field(repr=False)
    effects: np.ndarray = field(repr=False)
    actual: np.ndarray = field(repr=False)
    variables: tuple[str, ...]
    seed: int

    def draws(self, what: str, variable: str | None = None) -> np.ndarray:
        """The placebo values of "rho", "lambda", or of "direct", "indirect", "total" of a variable."""
        return self._pair(what, variable)[0]

    def observed(self, what: str, variable: str | None = None) -> float:
        return self._pair(what, variable)[1]

    def tidy(self) -> pd.DataFrame:
        """Actual value, mean and 95 % range of the placebos, and the two-sided p-value of the actual one among them.

        p-values are for rho, lambda and the indirect effects. The null (no neighbor matters) does not restrict direct
        or total effects, so their ``p_value`` is NaN.
        """
        requested: list[tuple[str, str | None]] = [(name, None) for name in self.names]
        requested += [(kind, variable) for kind in KINDS for variable in self.variables]
        rows = []
        for what, variable in requested:
            values, actual = self._pair(what, variable)
            values = values[np.isfinite(values)]
            low, high = np.quantile(values, [0.025, 0.975])
            p = pseudo_p(actual, values, "two-sided") if what in (*self.names, "indirect") else np.nan
            rows.append((what, variable or what, actual, values.mean(), low, high, p, len(values)))
        effect, term, estimate, mean, lows, highs, p_value, number = zip(*rows, strict=True)
        return rows_of(term, estimate, p_value=p_value, effect=effect, placebo_mean=mean, placebo_low=lows,
                       placebo_high=highs, placebos=number)  # fmt: skip

    def _pair(self, what, variable):
        if what in self.names:
            return self.params[:, self.names.index(what)], float(self.fit.params[what])
        if what not in KINDS or variable not in self.variables:
            choices = [*self.names, *KINDS]
            raise SpatialInputError("E502", f"there are no placebos of {what!r} {variable or ''}".rstrip(),
                                    hint=f"there are {choices} of {list(self.variables)}")  # fmt: skip
        at = KINDS.index(what), self.variables.index(variable)
        return self.effects[(slice(None), *at)], float(self.actual[at])


def placebo_weights(
    fit: Fit,
    *,
    draws: int = 999,
    seed: int = 1,
    n_jobs: int = 1,
    client: Any = None,
    progress: Callable | None = None,
    journal: PathLike | None = None,
    resume: bool = False,
) -> PlaceboWeights:
    """Estimate a model again under random relabellings of the units of W.

    Parameters
    ----------
    fit : Fit
        By maximum likelihood, with a spatial term: not ``ols``.
    draws : int
        Relabellings. Each has its own stream, so 999 are the first of 9,999.
    seed : int
    n_jobs, client, progress
        As for ``compare_weights``: the same numbers for any number of workers.
    journal : path, optional
        A folder to which results are written as they come, as parquet.
    resume : bool
        Continue a journal that is there.

    Returns
    -------
    PlaceboWeights
        After Ctrl-C of the relabellings that were done.

    Raises
    ------
    SpatialInputError
        E501 draws or seed, E525 a fit that cannot be refitted, E603, E605 and E514 the journal, E515 a package that
        is not installed.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    >>> float(sp.placebo_weights(fit, draws=99).tidy().loc[0, "p_value"])
    0.02
    """
    whole_number("draws", draws, least=1)
    whole_number("seed", seed, least=0)
    spec = fit.specification
    if not (spec.lag or spec.error or spec.durbin):
        raise SpatialInputError("E501", "ols has no W that could be relabelled", hint="fit sar, sem, slx, sdm ...")
    with opened(journal, SCHEMA, resume=resume) as book:
        keys = [""] * draws if journal is None else _keys(fit, seed, draws)
        done = {r: book.rows[key] for r, key in enumerate(keys) if key in book.rows}
        rows, _ = run(list(range(draws)), _relabelled, (fit, seed), n_jobs=n_jobs, client=client, progress=progress,
                      done=done, keep=lambda r, row: book.add(keys[r], row), at_once=AT_ONCE)  # fmt: skip
    if not rows:
        raise KeyboardInterrupt
    names = tuple(name for name in ("rho", "lambda") if name in fit.params.index)
    params = np.array([row["params"] for row in rows.values()], dtype=float).reshape(len(rows), len(names))
    effects = np.array([row["effects"] for row in rows.values()], dtype=float).reshape(len(rows), len(KINDS), -1)
    own = all_refits(fit, relabel=[np.arange(fit._design.n_units)], effects=True)
    return PlaceboWeights(fit, names, params, effects, own.responses[0], own.variables, seed)


def _relabelled(shared, draws: list[int]) -> list[dict]:
    """Some relabellings; each number is the key of its random stream."""
    fit, seed = shared
    n = fit._design.n_units
    relabel = [np.random.default_rng([seed, r]).permutation(n) for r in draws]
    refits = all_refits(fit, relabel=relabel, effects=True)
    at = [refits.names.index(name) for name in ("rho", "lambda") if name in refits.names]
    return [{"draw": r, "params": params.tolist(), "effects": effects.ravel().tolist()}
            for r, params, effects in zip(draws, refits.params[:, at], refits.responses)]  # fmt: skip


def _keys(fit, seed, draws) -> list[str]:
    d = fit._design
    what = key_of("placebo", d.formula, fit.specification.name, description_of(d.weights),
                  description_of(d.weights_of_error), digest_of(d.frame), description_of(fit._settings),
                  list(d.durbin), d.wx_order, seed)  # fmt: skip
    return [key_of(what, r) for r in range(draws)]
