"""The answer of ``compare_weights``: fits side by side, and everything that follows from having many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from spillover.errors import SpatialInputError
from spillover.show import Shown

from ..effects.average import Effects
from ..models.fit import Fit
from ..records.tests import TestResult
from .alike import similarity
from .average import AveragedEffects, averaged_effects
from .estimates import Lazy
from .prior import DEFAULT, Prior
from .residuals import residual_moran
from .rivals import j_test, vuong

COLUMNS = ["weights", "model", "links", "rho", "lambda", "sigma2", "loglik", "aic", "bic", "log_marginal",
           "probability"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """Fits under several weights.

    Attributes
    ----------
    fits : mapping of Fit
        By the weights' name; by (weights, model) where there are several models. Of many fits each is
        estimated on first use.
    failed : dict of str
        Weights under which a model could not be estimated, and why; keys likewise.
    prior : Prior
        Of rho, lambda and the slopes.
    prior_probabilities : dict of float, or None
        Of each W; equal by default. Models under one W have equal prior probabilities.
    notes : tuple of str
        Remarks for the reader: identical weights, islands, other samples.
    estimates : dict of Estimate
        The numbers of each fit, by the same keys.
    weights : dict of SpatialWeights
        By name, as the fits used them.
    uncorrected : function
        log p(y | W, model) by key, of the likelihoods without the Lee-Yu correction.
    """

    fits: Mapping = field(repr=False)
    failed: dict
    prior: Prior = DEFAULT
    prior_probabilities: dict | None = None
    notes: tuple[str, ...] = ()
    estimates: dict = field(default_factory=dict, repr=False)
    weights: dict = field(default_factory=dict, repr=False)
    uncorrected: Callable[[], dict] = field(default=dict, repr=False)

    def __getitem__(self, key) -> Fit:
        if key not in self.fits:
            raise SpatialInputError("E501", f"no fit under {key!r}", hint="there are " + ", ".join(map(str, self.fits)))
        return self.fits[key]

    # -- which W -----------------------------------------------------------------------------------------

    @cached_property
    def log_marginals(self) -> pd.Series:
        """log p(y | W, model); NaN for the method of moments and random effects, which have none, and where rho has no
        interval over which its prior could be uniform.

        Where fits differ in their Lee-Yu correction, all of the likelihood without it.
        """
        values = {key: one.log_marginal for key, one in self.estimates.items()}
        if len({one.correction == "True" for one in self.estimates.values()}) > 1:
            plain = self.uncorrected()
            values = {key: plain.get(key, np.nan) for key in values}
        return self._by_key(list(values.values()), "log_marginal")

    @cached_property
    def probabilities(self) -> pd.Series:
        """Posterior probability of each W (and model); they sum to one. NaN for those without a marginal likelihood."""
        names = [weights_of(key) for key in self.fits]
        priors = self.prior_probabilities or dict.fromkeys(names, 1.0)
        models = Counter(names)
        beforehand = np.array([priors[name] / models[name] for name in names])
        with np.errstate(divide="ignore"):
            odds = self.log_marginals.to_numpy() + np.log(beforehand)
        defined, out = ~np.isnan(odds), np.full(len(odds), np.nan)
        if beforehand[defined].any():  # else every W with a positive prior failed
            out[defined] = np.exp(odds[defined] - logsumexp(odds[defined]))
        return self._by_key(out, "probability")

    def posterior(self) -> pd.DataFrame:
        """Probabilities in two dimensions, weights by models (Elhorst, Lacombe & Piras 2012), with their sums."""
        self._refuse_without_probabilities()
        posterior = self.probabilities.dropna()
        rows = [(weights_of(key), self.estimates[key].model, p) for key, p in posterior.items()]
        table = pd.DataFrame(rows, columns=["weights", "model", "probability"])
        wide = table.pivot(index="weights", columns="model", values="probability")
        wide = wide.loc[table["weights"].unique(), table["model"].unique()]
        wide["all models"] = wide.sum(axis=1)
        wide.loc["all weights"] = wide.sum(axis=0)
        return wide

    def glance(self) -> pd.DataFrame:
        """One row per fit, the likeliest first; those that failed come last, with the reason."""
        rows = [(weights_of(key), one.model, one.links, one.get("rho"), one.get("lambda"), one.sigma2, one.loglik,
                 one.aic, one.bic) for key, one in self.estimates.items()]  # fmt: skip
        table = pd.DataFrame(rows, columns=COLUMNS[:-2])
        table = table.assign(log_marginal=self.log_marginals.to_numpy(), probability=self.probabilities.to_numpy())
        table = table.sort_values(["log_marginal", "bic"], ascending=[False, True], kind="stable")
        if self.prior_probabilities:
            table = table.sort_values("probability", ascending=False, kind="stable")
        table = table[COLUMNS]
        if self.failed:
            without = [{"weights": weights_of(key), "problem": why} for key, why in self.failed.items()]
            table = pd.concat([table.assign(problem=""), pd.DataFrame(without)])
        return table.reset_index(drop=True)

    def coefficients(self) -> pd.DataFrame:
        """The coefficients under every W with their standard errors, one row each: a robustness table."""
        tables = []
        for key, one in self.estimates.items():
            errors = np.sqrt(np.diag(one.covariance))
            tables.append(pd.DataFrame({"weights": weights_of(key), "model": one.model, "term": one.names,
                                        "estimate": one.params, "std_error": errors}))  # fmt: skip
        return pd.concat(tables, ignore_index=True)

    def likeliest(self, count: int) -> list:
        """Keys of the ``count`` likeliest fits, in order; all keys in their own order where there are no more."""
        if len(self.estimates) <= count:
            return list(self.estimates)
        keys = list(self.estimates)
        criterion = self.log_marginals if self.probabilities.isna().all() else self.probabilities
        bic = np.array([one.bic for one in self.estimates.values()])
        return [keys[i] for i in np.lexsort((bic, -criterion.fillna(-np.inf).to_numpy()))[:count]]

    @property
    def best(self) -> str:
        """The weights with the highest posterior probability, over all models."""
        probabilities = self.probabilities
        if probabilities.isna().all():
            return str(self.glance()["weights"].iloc[0])
        return str(probabilities.groupby([weights_of(key) for key in self.fits], sort=False).sum().idxmax())

    # -- effects -----------------------------------------------------------------------------------------

    @cached_property
    def effects(self) -> Mapping[str, Effects]:
        """By key, each simulated on first use."""
        return Lazy(self.fits, self._effects)

    def _effects(self, key) -> Effects:
        return self.fits[key].effects(method="quadrature")  # of which there are mixtures over W

    def tidy(self, keys: Any = None) -> pd.DataFrame:
        """Effects under every W, in the common schema plus ``weights``, ``effect`` (and ``model``); or those of some
        ``keys``."""
        tables = []
        for key in self.fits if keys is None else keys:
            table = self.effects[key].tidy()
            if isinstance(key, tuple):
                table.insert(0, "model", key[1])
            table.insert(0, "weights", weights_of(key))
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def averaged(self, level: float = 0.95) -> AveragedEffects:
        """Effects averaged over W by their posterior probabilities; intervals include the uncertainty about W.

        Raises
        ------
        SpatialInputError
            E511 for fits without a likelihood.
        """
        self._refuse_without_probabilities()
        return averaged_effects(self.effects, self.probabilities.dropna(), level)

    # -- tests and similarity ------------------------------------------------------------------------------

    def residuals(self) -> pd.DataFrame:
        """Moran's I of the residuals under each W, and the test that applies to the model."""
        rows = [(weights_of(key), fit.specification.name, *residual_moran(fit)) for key, fit in self.fits.items()]
        return pd.DataFrame(rows, columns=["weights", "model", "moran", "test", "statistic", "p_value"])

    def similarity(self, measure: str = "correlation") -> pd.DataFrame:
        """Similarity of the weights: "correlation" over all pairs of units, or "jaccard", the links in common."""
        from spillover.errors import check_option

        check_option("measure", measure, ("correlation", "jaccard"))
        return similarity(self.weights, measure)

    def vuong(self, first: Any, second: Any) -> TestResult:
        """Vuong's test of two fits by their keys; see ``spatial.compare.rivals``."""
        return vuong(self[first], self[second])

    def j_test(self, null: Any, rival: Any) -> TestResult:
        """Kelejian's J-test of one W against another by their keys; see ``spatial.compare.rivals``."""
        return j_test(self[null], self[rival])

    def j_tests(self) -> pd.DataFrame:
        """p-values of all J-tests: the W of the row is the null, that of the column the rival."""
        keys = list(self.fits)
        table = pd.DataFrame(np.nan, index=keys, columns=keys)
        for null in keys:
            for rival in keys:
                if self.weights[weights_of(null)] != self.weights[weights_of(rival)]:
                    table.loc[[null], [rival]] = self.j_test(null, rival).p_value
        return table.rename_axis(index="null", columns="rival")

    def _refuse_without_probabilities(self) -> None:
        if self.probabilities.isna().all():
            why = "have no likelihood, or no prior probability"
            raise SpatialInputError("E511", f"there are no posterior probabilities: these fits {why}",
                                    hint="compare models estimated by maximum likelihood, or read .glance() for BIC")

    def _by_key(self, values, name) -> pd.Series:
        keys = pd.Index(list(self.fits), tupleize_cols=False)
        return pd.Series(np.asarray(values, dtype=float), index=keys, name=name)


def weights_of(key) -> str:
    """The weights' name of a key."""
    return key[0] if isinstance(key, tuple) else key
