"""The protocol of the ``maketables`` package: its Word, LaTeX, Typst and HTML tables read a Fit by itself."""

from __future__ import annotations

import pandas as pd

from ..records.fit import FitRecord


class MakeTables(FitRecord):
    """What ``maketables.ETable([fit])`` asks a result for; nothing of it is imported."""

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        names = {"estimate": "b", "std_error": "se", "statistic": "t", "p_value": "p", "conf_low": "ci95l",
                 "conf_high": "ci95u"}  # fmt: skip
        return self.tidy().set_index("term").rename(columns=names).rename_axis("Coefficient")

    def __maketables_stat__(self, key: str):
        attributes = {"N": "nobs", "ll": "loglik", **{name: name for name in ("aic", "bic", "df_resid", "sigma2")}}
        return getattr(self, attributes[key]) if key in attributes else None

    @property
    def __maketables_depvar__(self) -> str:
        return self._design.response

    @property
    def __maketables_fixef_string__(self) -> str | None:
        d, effects = self._design, self._settings.effects
        parts = [str(d.ids.name)] * (effects.entity)
        parts += [str(d.periods.name)] * (effects.time)
        return "+".join((*parts, *effects.further)) or None

    @property
    def __maketables_vcov_info__(self) -> dict:
        from ..covariance.vcov import describe

        return {"vcov_type": describe(self)}

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return ["N", "ll", "aic"]
