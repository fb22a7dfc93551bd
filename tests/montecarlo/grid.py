"""All cells, the most used first."""

from __future__ import annotations

from . import grid_panels, grid_tests
from .cell import Cell

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns")


def cross(model, n, w, k, errors="normal", remedy="default", *, family="cross-section, default", **more) -> Cell:
    """``sar-n48-knn-k4-normal-default``; ``remedy`` is what was asked for beyond the default."""
    rho = f"-rho{more['rho']:g}" if "rho" in more else ""
    design = {"model": model, "n": n, "w": w, "k": k, "errors": errors, **REMEDIES[remedy], **more}
    return Cell(f"{model}-n{n}-{w}-k{k}-{errors}-{remedy}{rho}", family, "cross", design)


REMEDIES = {
    "default": {},
    "reml": {"method": "reml"},
    "aqs": {"method": "aqs"},
    "gmm": {"method": "gmm"},
    "gmm_robust": {"method": "gmm", "vcov": "robust"},
    "gmm_scpc": {"method": "gmm", "vcov": "scpc"},
    "likelihood": {"effects": "likelihood"},
    "simulate": {"effects": "simulate"},
    "delta": {"effects": "delta"},
    "eim": {"vcov": "eim"},
    "robust": {"vcov": "robust"},
    "cluster6": {"vcov": "cluster6"},
    "cluster12": {"vcov": "cluster12"},
    "jackknife6": {"vcov": "jackknife6"},
    "bootstrap199": {"vcov": "bootstrap199"},
    "conley400": {"vcov": "conley400"},
    "scpc": {"vcov": "scpc"},
}

# (n, W, k, errors): every model has each; every level of every axis occurs
DEFAULTS = (
    (48, "knn", 4, "normal"), (100, "queen", 4, "normal"), (48, "coast", 1, "t5"), (100, "knn", 1, "chi2"),
    (100, "group", 4, "normal"), (48, "queen", 8, "chi2"), (100, "dense", 4, "normal"), (48, "dense", 1, "normal"),
    (100, "coast", 15, "t5"), (48, "knn", 15, "normal"), (500, "coast", 4, "normal"),
)  # fmt: skip
LARGE = (((500, "group", 8, "t5"), ("sar", "sem", "sdm", "slx")), ((500, "queen", 1, "chi2"), ("sdem", "sac", "gns")))


def default_cells() -> list[Cell]:
    cells = [cross(model, *design) for i, design in enumerate(DEFAULTS) for model in MODELS
             if not (model in ("ols", "slx") and i % 2)]  # fmt: skip
    return [*cells, *(cross(model, *design) for design, models in LARGE for model in models)]


def far_rho() -> list[Cell]:
    """Lags of .7 and -.4."""
    designs = [(48, "knn", 1), (100, "queen", 4), (100, "dense", 1), (500, "coast", 4)]
    high = [cross(model, *design, rho=0.7) for design in designs for model in ("sar", "sdm")]
    return [*high, cross("sar", 100, "queen", 4, rho=-0.4), cross("sdm", 48, "knn", 4, rho=0.0)]


def remedy_cells() -> list[Cell]:
    few = [cross(model, *design, remedy="reml", family="cross-section, few rows: reml")
           for design in ((48, "queen", 8, "chi2"), (48, "knn", 15, "normal"), (48, "dense", 1, "normal"))
           for model in ("sar", "sem", "sdm", "sdem")]  # fmt: skip
    designs = (48, "knn", 1, 0.7), (100, "dense", 1, 0.7), (48, "queen", 8, 0.4), (100, "queen", 4, 0.7)
    ratio = [cross(model, n, w, k, remedy="likelihood", family="cross-section, effects by likelihood", rho=rho)
             for n, w, k, rho in designs for model in ("sar", "sdm")]  # fmt: skip
    other = [cross(model, 100, "queen", 4, remedy=remedy, family="cross-section, other intervals")
             for model, remedy in (("sar", "simulate"), ("sdm", "simulate"), ("sar", "delta"), ("sdm", "delta"),
                                   ("sar", "eim"), ("sac", "eim"), ("sdm", "bootstrap199"))]  # fmt: skip
    return few + ratio + other


def robust_cells() -> list[Cell]:
    family = "cross-section, unequal variances"
    cells = [cross(model, n, w, 4, errors, "robust", family=family)
             for n, w, errors in ((48, "queen", "x"), (100, "coast", "x"))
             for model in ("ols", "slx", "sar", "sem", "sdm", "sdem")]  # fmt: skip
    cells += [cross(model, 100, "group", 1, "neighbors", remedy, family=family)
              for remedy in ("default", "aqs") for model in ("sar", "sem", "sdm", "sdem")]  # fmt: skip
    cells += [cross(model, 500, "group", 1, "neighbors", family=family) for model in ("sar", "sem")]
    cells += [cross(model, 200, "queen", 4, "neighbors", "aqs", family=family) for model in ("sar", "sem")]
    cells += [cross(model, n, w, 1, "x", "gmm_robust", family=family)
              for n, w, models in ((100, "knn", ("sar", "sem", "sdm", "sac")), (500, "queen", ("sar", "sac")))
              for model in models]  # fmt: skip
    family = "cross-section, moments"
    cells += [cross(model, n, w, 4, errors, "gmm", family=family)
              for n, w, errors, models in ((100, "knn", "normal", ("sar", "sem", "sdem", "sdm", "sac", "gns")),
                                           (500, "coast", "chi2", ("sar", "sdem")))
              for model in models]  # fmt: skip
    family = "cross-section, clusters and space"
    cells += [cross(model, 48, "queen", 1, "normal", "cluster6", family=family) for model in ("sar", "sdm")]
    cells += [cross(model, 100, "knn", 4, "normal", "cluster12", family=family) for model in ("ols", "sar", "sem")]
    cells += [cross("ols", 48, "queen", 1, "normal", remedy, family=family) for remedy in ("cluster6", "jackknife6")]
    cells += [cross(model, 200, "knn", 1, "space", remedy, family=family)
              for model, remedy in (("ols", "default"), ("ols", "conley400"), ("ols", "scpc"), ("slx", "scpc"),
                                    ("sar", "conley400"), ("sar", "gmm_scpc"))]  # fmt: skip
    return cells


def cells() -> list[Cell]:
    """The grid: what most people do first."""
    small = [cell for cell in default_cells() if cell.design["n"] < 500]
    large = [cell for cell in default_cells() if cell.design["n"] == 500]
    return [*small, *grid_panels.default_cells(), *grid_tests.policy_cells(), *remedy_cells(), *grid_tests.test_cells(),
            *robust_cells(), *grid_panels.robust_cells(), *grid_panels.random_cells(), *grid_panels.dynamic_cells(),
            *grid_panels.moment_cells(), *far_rho(), *large]  # fmt: skip


def named(pattern: str | None = None, part: tuple[int, int] = (1, 1)) -> list[Cell]:
    """Cells whose names match, of one of several parts."""
    from fnmatch import fnmatch

    chosen = [cell for cell in cells() if pattern is None or fnmatch(cell.name, pattern)]
    return chosen[part[0] - 1 :: part[1]]


