"""Average predictions and forecasts as text."""

from __future__ import annotations

from .text import columns, number, without_ratios

SHOWN = 12  # rows of a forecast


def predictions_text(predictions) -> str:
    """What is predicted, and the averages."""
    fit, d = predictions.fit, predictions.fit._design
    parts = [f"Average predictions of {d.response} in {fit.specification.name}: {d.formula}",
             f"weights: {d.weights.header()}",
             f"{100 * predictions.level:g} % intervals of the averages"
             + (", fixed effects as estimated" if fit._settings.effects.fixed else ""), ""]  # fmt: skip
    table = predictions.tidy()[["term", "estimate", "std_error", "conf_low", "conf_high"]]
    rows = [[term, *map(number, values)] for term, *values in table.itertuples(index=False)]
    head = ["", "estimate", "std. error", f"{100 * predictions.level:g} % low", "high"]
    return "\n".join([*parts, columns(rows, head), *without_ratios(fit)])


def forecast_text(forecast) -> str:
    """What is forecast, under which assumption, and the first rows."""
    fit, d = forecast.fit, forecast.fit._design
    periods = forecast.table.index.get_level_values(1).unique()
    parts = [f"Forecast of {d.response} in {fit.specification.name}: {d.formula}",
             f"{d.n_units:,} units, {len(periods)} period(s): {', '.join(map(str, periods))}",
             f"{100 * forecast.level:g} % prediction intervals; regressors of the new periods as given"]  # fmt: skip
    if forecast.period_effects:
        parts.append(f"period effects of the new periods: {forecast.period_effects}")
    rows = [[f"{unit}, {period}", *map(number, values)]
            for (unit, period), *values in forecast.table.head(SHOWN).itertuples()]  # fmt: skip
    head = ["", "estimate", "std. error", f"{100 * forecast.level:g} % low", "high"]
    left = len(forecast.table) - len(rows)
    return "\n".join([*parts, "", columns(rows, head), *([f"and {left:,} more rows: .table"] if left else [])])
