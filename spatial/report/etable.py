"""Models side by side, as papers print them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spillover.errors import SpatialInputError, check_option

from ..design.formula import INTERCEPT
from .table import Table
from .text import method_text, number

STARS = ((0.01, "***"), (0.05, "**"), (0.1, "*"))
BELOW = {"std_error": "Standard errors", "statistic": "t or z statistics", "p_value": "p-values",
         "conf_int": "95 % intervals"}  # fmt: skip


def etable(fits, *, effects: bool = False, names=None, labels=None, below: str = "std_error", digits: int = 3,
           stars: bool = False, caption: str = "") -> Table:  # fmt: skip
    """Put models, or their effects, side by side.

    Parameters
    ----------
    fits : list of Fit or Effects, or dict of name to Fit or Effects
    effects : bool
        Direct, indirect and total effects in place of coefficients; ``fit.effects()`` where a Fit is given.
    names : list of str, optional
        Heads of the columns; the models' names otherwise, numbered.
    labels : dict of str to str, optional
        Names of the terms. ``W:x`` follows from ``x``.
    below : {"std_error", "statistic", "p_value", "conf_int"}
        What is printed under the estimates, in parentheses.
    digits : int
        After the decimal point.
    stars : bool
        Mark p < .1, .05, .01; explained in a note.
    caption : str

    Returns
    -------
    Table
        Prints as text; ``.to_markdown()``, ``.to_latex()``, ``.to_html()``, ``.save(path)``.

    Raises
    ------
    SpatialInputError
        E501 no fits, names that do not match, an unknown option.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> w = wt.queen(columbus).standardize("row")
    >>> table = etable([sp.ols("CRIME ~ INC", columbus, w), sp.sar("CRIME ~ INC", columbus, w)], digits=2)
    >>> print("\\n".join(table.to_text().splitlines()[:6]))
                     (1) OLS   (2) SAR
    ----------------------------------
    Intercept          64.46     41.93
                      (4.75)    (8.62)
    INC                -2.04     -1.49
                      (0.31)    (0.33)
    """
    check_option("below", below, BELOW)
    heads, items = _named(fits, names)
    effects = effects or any(hasattr(item, "fit") for item in items)
    chosen = [item if hasattr(item, "fit") or not effects else item.effects() for item in items]
    models = [getattr(item, "fit", item) for item in chosen]
    tables = [item.tidy() for item in chosen]

    sections = []
    for kind in dict.fromkeys(kind for t in tables for kind in t["effect"]) if effects else ("",):
        parts = [t[t["effect"] == kind] if effects else t for t in tables]
        title = f"{kind.capitalize()} effects" if kind else ""
        sections.append((title, _rows(parts, labels or {}, below, digits, stars)))
    sections.append(("", _about(models, effects)))
    notes = [f"{BELOW[below]} in parentheses: {labelled_texts(heads, [_inference(c, effects) for c in chosen])}."]
    notes.append(f"Weights: {labelled_texts(heads, [m._design.weights.header() for m in models])}.")
    if stars:
        notes.append("* p < 0.1, ** p < 0.05, *** p < 0.01.")
    if not effects and any(m.specification.lag or m.specification.durbin for m in models):
        notes.append("Coefficients of models with a spatial lag or lagged regressors are not effects.")
    return Table(tuple(heads), tuple(sections), tuple(notes), caption)


def _named(fits, names) -> tuple[list[str], list]:
    if isinstance(fits, Mapping):
        names, fits = names or list(map(str, fits)), list(fits.values())
    items = list(fits) if isinstance(fits, list | tuple) else [fits]
    wrong = [type(item).__name__ for item in items if not hasattr(item, "tidy")]
    if not items or wrong:
        raise SpatialInputError("E501", f"etable needs fits or effects, got {wrong[0] if wrong else 'none'}",
                                hint="sp.etable([fit1, fit2])")
    if names is None:
        models = [getattr(item, "fit", item) for item in items]
        names = [f"({i}) {model.specification.name}" for i, model in enumerate(models, 1)]
    if len(names) != len(items):
        raise SpatialInputError("E501", f"{len(names)} names were given for {len(items)} models",
                                hint="give one name per model")
    return list(names), items


def _rows(tables, labels, below, digits, stars):
    """Two rows per term: estimates, and what is printed below them."""
    rows = []
    for term in _order([list(t["term"]) for t in tables]):
        cells = [t[t["term"] == term] for t in tables]
        cells = [(_estimate(f.iloc[0], digits, stars), _under(f.iloc[0], below, digits)) if len(f) else ("", "")
                 for f in cells]  # fmt: skip
        rows.append((_label(term, labels), tuple(top for top, _ in cells)))
        rows.append(("", tuple(under for _, under in cells)))
    return tuple(rows)


def _order(lists) -> list[str]:
    """Terms as they first appear: regressors, their lags, the spatial parameters last."""
    terms = list(dict.fromkeys(term for terms in lists for term in terms))

    def place(term):
        return 3 if term in ("rho", "lambda") else 2 if term.startswith(("W:", "W2:")) else term != INTERCEPT

    return sorted(terms, key=place)


def _estimate(row, digits, stars) -> str:
    mark = next((s for level, s in STARS if row["p_value"] < level), "") if stars else ""
    return number_cell(row["estimate"], digits) + mark


def _under(row, below, digits) -> str:
    if below == "conf_int":
        return f"({number_cell(row['conf_low'], digits)}, {number_cell(row['conf_high'], digits)})"
    if below == "p_value":
        return "(<1e-4)" if row["p_value"] < 1e-4 else f"({row['p_value']:.{max(digits, 4)}f})"
    return f"({number_cell(row[below], digits)})"


def _label(term: str, labels) -> str:
    if term in labels:
        return labels[term]
    power, colon, regressor = term.partition(":")
    return f"{power}:{labels.get(regressor, regressor)}" if colon and power in ("W", "W2") else term


def _about(models, effects):
    """Size, fixed effects, method, likelihood; only rows that apply to at least one model."""
    rows = [("Observations", [f"{m.nobs:,}" for m in models])]
    if any(m._design.is_panel for m in models):
        rows.append(("Units x periods", [f"{m._design.n_units:,} x {m._design.n_periods}" for m in models]))
        unit = any(m._settings.random for m in models)
        rows.append(("Effects" if unit else "Fixed effects", [str(m._settings.effects) for m in models]))
    if any(m._settings.method == "gmm" for m in models):
        rows.append(("Method", ["moments" if m._settings.method == "gmm" else "likelihood" for m in models]))
    if not effects:
        rows.append(("Log-likelihood", [_finite(m.loglik, 2) for m in models]))
        rows.append(("AIC", [_finite(m.aic, 2) for m in models]))
        rows.append(("sigma2", [number(m.sigma2, 4) for m in models]))
        variances = [m._settings.random for m in models]
        rows.append(("sigma2_mu", ["" if r is None else number(r.sigma2_mu, 4) for r in variances]))
    return tuple((label, tuple(cells)) for label, cells in rows if any(cells))


def number_cell(value, digits) -> str:
    """A number that would round to zero in exponent form: 0.0003 with three digits is 3.00e-04."""
    if np.isfinite(value) and 0 < abs(value) < 0.5 * 10**-digits:
        return f"{value:.{max(digits - 1, 0)}e}"
    return number(value, digits)


def _finite(value, digits) -> str:
    return f"{value:,.{digits}f}" if value is not None and np.isfinite(value) else ""


def _inference(item, effects) -> str:
    from ..covariance.vcov import describe

    if not effects:
        return describe(item)
    scaled, item = getattr(item, "kind", ""), getattr(item, "effects", item)  # elasticities have their effects
    how = method_text(getattr(item, "short_run", item))
    how = f"{scaled}, {how}" if scaled else how
    return f"{how}, {describe(item.fit)}"


def labelled_texts(heads, texts) -> str:
    """Once where all columns agree, else column by column."""
    if len(set(texts)) == 1:
        return texts[0]
    return "; ".join(f"{head}: {text}" for head, text in zip(heads, texts))
