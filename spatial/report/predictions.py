"""Average predictions and forecasts as text."""

from __future__ import annotations

from spillover.language import phrase, stored

from .header import note_line
from .heads import head_of
from .intervals import by_ratios, intervals_of
from .text import columns, ends_of, number

SHOWN = 12  # rows of a forecast


def predictions_text(predictions) -> str:
    """What is predicted, and the averages."""
    fit, d = predictions.fit, predictions.fit._design
    level = f"{100 * predictions.level:g}"
    how = phrase("{level} % intervals of the averages, fixed effects as estimated", level=level) if (
        fit._settings.effects.fixed) else phrase("{level} % intervals of the averages", level=level)  # fmt: skip
    parts = [phrase("Average predictions of {response} in {model}: {formula}", response=d.response,
                    model=fit.specification.name, formula=d.formula),
             phrase("weights: {weights}", weights=stored(d.weights.header())), how, ""]  # fmt: skip
    table = predictions.tidy()[["term", "estimate", "std_error", "conf_low", "conf_high"]]
    rows = [[term, *map(number, values)] for term, *values in table.itertuples(index=False)]
    head = ["", head_of("estimate"), head_of("std_error"), *ends_of(predictions.level)]
    ratios = [note_line(intervals_of(predictions))] if by_ratios(fit) else []
    return "\n".join([*parts, columns(rows, head), *ratios])


def forecast_text(forecast) -> str:
    """What is forecast, under which assumption, and the first rows."""
    fit, d = forecast.fit, forecast.fit._design
    periods = forecast.table.index.get_level_values(1).unique()
    size = {"units": f"{d.n_units:,}", "periods": ", ".join(map(str, periods))}
    parts = [phrase("Forecast of {response} in {model}: {formula}", response=d.response, model=fit.specification.name,
                    formula=d.formula),
             phrase("{units} units, 1 period: {periods}", **size) if len(periods) == 1 else
             phrase("{units} units, {n} periods: {periods}", n=len(periods), **size),
             phrase("{level} % prediction intervals; regressors of the new periods as given",
                    level=f"{100 * forecast.level:g}")]  # fmt: skip
    if forecast.period_effects:
        parts.append(phrase("period effects of the new periods: {how}", how=stored(forecast.period_effects)))
    rows = [[f"{unit}, {period}", *map(number, values)]
            for (unit, period), *values in forecast.table.head(SHOWN).itertuples()]  # fmt: skip
    head = ["", head_of("estimate"), head_of("std_error"), *ends_of(forecast.level)]
    left = len(forecast.table) - len(rows)
    more = [phrase("and {left} more rows: .table", left=f"{left:,}")] if left else []
    return "\n".join([*parts, "", columns(rows, head), *more])
