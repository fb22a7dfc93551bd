"""All cells, the most used first."""

from __future__ import annotations

from . import grid_panels, grid_peers, grid_tests
from .cell import Cell

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns")


def cross(model, n, w, k, errors="normal", remedy="default", *, family="cross-section, default", **more) -> Cell:
    """``sar-n48-knn-k4-normal-default``; ``remedy`` is what was asked for beyond the default."""
    rho = f"-rho{more['rho']:g}" if "rho" in more else ""
    own = {"effects": None} if remedy in ("default", "reml") and model not in ("ols", "slx") else {}  # the fit's choice
    design = {"model": model, "n": n, "w": w, "k": k, "errors": errors, **own, **REMEDIES[remedy], **more}
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
LARGE = (((500, "group", 8, "t5"), ("sar",)),)


def default_cells() -> list[Cell]:
    cells = [cross(model, *design) for i, design in enumerate(DEFAULTS) for model in MODELS
             if not (model in ("ols", "slx") and i % 2)]  # fmt: skip
    return [*cells, *(cross(model, *design) for design, models in LARGE for model in models)]


def far_rho() -> list[Cell]:
    """Lags of .7 and -.4."""
    designs = [(48, "knn", 1), (100, "dense", 1)]
    high = [cross(model, *design, rho=0.7) for design in designs for model in ("sar", "sdm")]
    return [*high, cross("sar", 100, "queen", 4, rho=-0.4), cross("sdm", 48, "knn", 4, rho=0.0)]


def listed(family: str, rows) -> list[Cell]:
    """Cells from (models, n, W, k, errors, remedy)."""
    return [cross(model, *design, family=f"cross-section, {family}") for models, *design in rows
            for model in models.split()]  # fmt: skip


def remedy_cells() -> list[Cell]:
    """What notes of fits and effects advise, and the other intervals there are."""
    few = listed("few rows: reml", [
        ("sem sdm sdem", 48, "queen", 8, "chi2", "reml"), ("sdm sdem", 48, "knn", 15, "normal", "reml"),
        ("sar sdm", 48, "dense", 1, "normal", "reml"), ("sdm sdem", 100, "group", 4, "normal", "reml"),
    ])  # fmt: skip
    ratio = [cross(model, n, w, 1, remedy="likelihood", family="cross-section, effects by likelihood", rho=0.7)
             for n, w in ((48, "knn"), (100, "dense")) for model in ("sar", "sdm")]  # fmt: skip
    both = listed("rho and lambda by likelihood", [("sac gns", 100, "knn", 1, "chi2", "likelihood")])
    return few + ratio + both + listed("other intervals", [
        ("sdm", 100, "queen", 4, "normal", "simulate"), ("sar", 100, "queen", 4, "normal", "delta"),
        ("sar", 100, "queen", 4, "normal", "eim"), ("sdm", 100, "queen", 4, "normal", "bootstrap199"),
    ])  # fmt: skip


def robust_cells() -> list[Cell]:
    """Errors that are not independent of one variance; moments."""
    uneven = listed("unequal variances", [
        ("ols sar sem sdm", 48, "queen", 4, "x", "robust"), ("slx sar sdem", 100, "coast", 4, "x", "robust"),
        ("sar sem sdm", 100, "group", 1, "neighbors", "default"), ("sar sem sdm", 100, "group", 1, "neighbors", "aqs"),
        ("sar", 500, "group", 1, "neighbors", "default"), ("sar sac", 100, "knn", 1, "x", "gmm_robust"),
    ])  # fmt: skip
    moments = listed("moments", [("sar sem sac gns", 100, "knn", 4, "normal", "gmm")])
    return uneven + moments + listed("clusters and space", [
        ("sar sdm ols", 48, "queen", 1, "normal", "cluster6"), ("ols", 48, "queen", 1, "normal", "jackknife6"),
        ("ols sem", 100, "knn", 4, "normal", "cluster12"), ("ols", 200, "knn", 1, "space", "scpc"),
        ("ols sar", 200, "knn", 1, "space", "conley400"), ("sar", 200, "knn", 1, "space", "gmm_scpc"),
    ])  # fmt: skip


def margin_cells() -> list[Cell]:
    """Slopes, contrasts and predictions of a variable with several terms."""
    designs = [("sar", 100, "knn"), ("sdm", 100, "queen"), ("sdm", 200, "queen"), ("sar", 48, "dense")]
    return [Cell(f"margins-{model}-n{n}-{w}", "cross-section, slopes and predictions", "margins",
                 {"model": model, "n": n, "w": w}) for model, n, w in designs] + [
                     Cell(f"margins-{model}-n48-{w}-k8", "cross-section, slopes and predictions", "margins",
                          {"model": model, "n": 48, "w": w, "more": 4})
                     for model, w in (("sar", "knn"), ("sdm", "queen"), ("sdm", "knn"))]  # fmt: skip


def several_cells() -> list[Cell]:
    """Two W in one model."""
    near = ("queen", "knn")
    designs = [("sar", 100, near, 4, 1, {}), ("sdm", 100, near, 1, 1, {}), ("sdm", 100, ("group", "knn"), 1, 1, {}),
               ("sdm", 48, near, 1, 8, {}), ("sar", 100, near, 4, 1, {"vcov": "robust", "errors": "chi2"}),
               ("sar", 48, near, 4, 8, {"vcov": "cluster", "errors": "ar"}),
               ("sar", 200, near, 4, 1, {"method": "gmm", "vcov": "robust"}),
               ("sar", 100, near, 4, 1, {"weighted": True})]  # fmt: skip

    def name(model, n, w, k, periods, more):
        size = f"n{n}x{periods}" if periods > 1 else f"n{n}"
        how = ["weighted" if value is True else value for value in more.values()]
        return "-".join(["several", model, size, *w, f"k{k}", *how])

    return [Cell(name(model, n, w, k, periods, more), "cross-section, two W" if periods == 1 else "panel, two W",
                 "several", {"model": model, "n": n, "w": w, "k": k, "periods": periods, **more}, (200, 400))
            for model, n, w, k, periods, more in designs]  # fmt: skip


def weighted_cells() -> list[Cell]:
    """Weights of observations."""
    designs = [("ols", 100, "knn", {}), ("sar", 100, "knn", {}), ("sem", 100, "queen", {}), ("sdm", 100, "queen", {}),
               ("sac", 100, "knn", {}), ("sdm", 100, "knn", {"vcov": "robust"}), ("sar", 100, "knn", {"method": "gmm"}),
               ("sem", 100, "knn", {"method": "gmm"}), ("ols", 100, "knn", {"sampling": True, "spread": 0.4}),
               ("ols", 100, "knn", {"sampling": True, "spread": 0.8}),
               ("sar", 200, "knn", {"method": "gmm", "sampling": True, "spread": 0.4}),
               *((model, 48, "queen", {"periods": 8}) for model in ("ols", "sar", "sdem")),
               *((model, 31, "knn", {"periods": 8, "shape": shape})
                 for model, shape in (("sar", "moving"), ("sar", "gaps"), ("sem", "gaps"), ("sac", "gaps"),
                                      ("sar", "random"), ("sem", "random"))),
               ("sar", 31, "knn", {"periods": 8, "shape": "gaps", "vcov": "robust"})]  # fmt: skip

    def name(model, n, w, more):
        size = f"n{n}x{more['periods']}" if "periods" in more else f"n{n}"
        how = [more[key] for key in ("method", "vcov", "shape") if key in more]
        sampling = [f"sampling{more['spread']:g}"] if "sampling" in more else []
        return "-".join(["weighted", model, size, w, *how, *sampling])

    def family(more):
        return ("panel" if "periods" in more else "cross-section") + ", weights of observations"

    return [Cell(name(*design), family(design[-1]), "weighted",
                 dict(zip(("model", "n", "w"), design)) | design[-1], (400, 1000)) for design in designs]  # fmt: skip


def regime_cells() -> list[Cell]:
    """Two regimes."""
    designs = [("sar", 100, "knn", (), 1), ("sar", 200, "knn", (), 1), ("sdm", 100, "queen", ("rho",), 1),
               ("sem", 200, "knn", ("lam", "sigma2"), 1), ("sdm", 48, "queen", (), 8),
               ("sdm", 48, "queen", ("rho", "sigma2"), 8)]  # fmt: skip
    return [Cell(f"regimes-{model}-n{n}{f'x{periods}' if periods > 1 else ''}-{w}-{'-'.join(('beta', *what))}",
                 "cross-section, two regimes" if periods == 1 else "panel, two regimes", "regimes",
                 {"model": model, "n": n, "w": w, "what": what, "periods": periods}, (400, 1000))
            for model, n, w, what, periods in designs]  # fmt: skip


def several_regime_cells() -> list[Cell]:
    """Two W, or W^2 x, and two regimes."""
    designs = [("sdm", 48, 8, False), ("sdm", 48, 8, True)]
    return [Cell(f"several-regimes-{model}-n{N}{f'x{T}' if T > 1 else ''}{'-wx2' * wx}",
                 "panel, two W and two regimes", "several_regimes",
                 {"model": model, "N": N, "T": T, "wx": wx}, (200, 400))
            for model, N, T, wx in designs]  # fmt: skip


def missing_cells() -> list[Cell]:
    """A fifth of the outcomes not observed."""
    designs = [("sar", 100, "knn", 1), ("sar", 500, "knn", 1), ("sdm", 200, "queen", 1), ("sem", 100, "queen", 1),
               ("sac", 500, "knn", 1), *((model, 31, "knn", 13) for model in ("sar", "sdm", "sem"))]  # fmt: skip
    plain = [(*design, {}) for design in designs]
    others = [("sdm", 200, "queen", 1, {"vcov": "robust", "errors": "chi2"}),
              ("sar", 31, "knn", 13, {"vcov": "cluster", "errors": "ar"}), ("sar", 100, "knn", 1, {"weighted": True})]
    joint = [*((what, 31, "knn", 7) for what in ("two W", "regimes", "random", "ar1", "ways")), ("reml", 48, "knn", 1)]
    return [Cell("-".join([f"missing-{model}-n{n}{f'x{periods}' if periods > 1 else ''}-{w}",
                           *("weighted" if value is True else value for value in more.values())]),
                 ("panel" if periods > 1 else "cross-section") + ", outcomes not observed", "missing",
                 {"model": model, "n": n, "w": w, "periods": periods, **more}, (400, 1000))
            for model, n, w, periods, more in plain + others] + [
                Cell(f"missing-sar-n{n}{f'x{periods}' if periods > 1 else ''}-{w}-{what.replace(' ', '-')}",
                     ("panel" if periods > 1 else "cross-section") + ", outcomes not observed", "missing_joint",
                     {"what": what, "n": n, "w": w, "periods": periods}, (400, 1000))
                for what, n, w, periods in joint]  # fmt: skip


def moving_cells() -> list[Cell]:
    """Dynamic panels whose W moves."""
    designs = [("sar", 31, 7, "twoway"), ("sdm", 31, 13, "twoway"), ("sar", 60, 5, "entity")]
    return [Cell(f"moving-{model}-{N}x{T}-{effects}", "panel, dynamic, W that moves", "moving",
                 {"model": model, "N": N, "T": T, "effects": effects}, (400, 1000))
            for model, N, T, effects in designs]  # fmt: skip


def moving_several_cells() -> list[Cell]:
    """Several rho, or errors that are correlated over time, under W that moves; a seventh of the rows absent."""
    designs = [("several", "sar", "twoway"), ("regimes", "sac", "twoway"), ("serial", "sar", "none")]
    return [Cell(f"moving-{what}-{model}-31x6-{effects}", "panel, moving W and gaps", "moving_several",
                 {"what": what, "model": model, "N": 31, "T": 6, "gaps": 0.15, "effects": effects}, (200, 400))
            for what, model, effects in designs]  # fmt: skip


def adjusted_cells() -> list[Cell]:
    """Restricted scores with few rows, and quasi-scores under variances that grow with the number of neighbors."""
    names = ("what", "model", "N", "T", "k", "method", "errors", "gaps")
    designs = [("several", "sdm", 60, 1, 4, "reml", "equal", 0), ("regimes", "sdm", 60, 1, 4, "reml", "equal", 0),
               ("one", "sac", 60, 1, 6, "reml", "equal", 0), ("one", "sdm", 60, 1, 5, "reml", "weights", 0),
               ("moving", "sar", 31, 5, 1, "aqs", "links", 0), ("moving", "sem", 31, 5, 1, "aqs", "links", 0),
               ("one", "sdm", 31, 6, 1, "aqs", "links", 0.15), ("several", "sar", 100, 1, 1, "aqs", "links", 0),
               ("one", "sac", 60, 5, 1, "aqs", "links", 0), ("regimes", "sar", 40, 4, 1, "aqs", "links", 0),
               ("regimes", "sar", 40, 4, 1, "ml", "weights", 0), ("serial", "sdm", 20, 5, 4, "reml", "equal", 0),
               ("serial", "sar", 60, 5, 1, "aqs", "links", 0),
               ("serial", "sem", 60, 5, 1, "aqs", "links", 0)]  # fmt: skip

    def name(what, model, N, T, k, method, errors, gaps) -> str:
        return f"adjusted-{what}-{model}-{N}x{T}-k{k}-{errors}-{method}" + "-gaps" * bool(gaps)

    return [Cell(name(*one), "adjusted scores of several parameters", "adjusted", dict(zip(names, one)), (200, 400))
            for one in designs]  # fmt: skip


def gap_cells() -> list[Cell]:
    """Dynamic panels whose units enter, leave or miss periods."""
    designs = [("sar", 60, 6, "exit", "entity", "ml"), ("sar", 60, 6, "exit", "twoway", "ml"),
               ("sdm", 60, 6, "entry", "twoway", "ml"), ("sdm", 60, 6, "holes", "twoway", "ml"),
               ("sar", 60, 6, "anew", "twoway", "ml"),
               ("sdm", 150, 6, "entry", "twoway", "gmm")]  # fmt: skip
    return [Cell(f"gaps-{model}-{N}x{T}-{kind}-{effects}-{method}", "panel, dynamic, with gaps", "gaps",
                 {"model": model, "N": N, "T": T, "kind": kind, "effects": effects, "method": method}, (400, 1000))
            for model, N, T, kind, effects, method in designs]  # fmt: skip


def endogenous_cells() -> list[Cell]:
    """Regressors that share the error, instrumented."""

    def cell(model, n, T=1, remedy="classical", effects=None, **more):
        vcov = {} if remedy in ("classical", "sets") else {"vcov": remedy}
        size, name = f"{n}x{T}-{effects}" if T > 1 else f"n{n}", remedy + "".join(f"-{more[k]}" for k in more)
        family = ("panel" if T > 1 else "cross-section") + ", endogenous regressors"
        design = {"model": model, "n": n, "T": T, "effects": effects, "sets": remedy == "sets", **vcov, **more}
        return Cell(f"endog-{model}-{size}-{name}", family, "endogenous", design)

    return [
        cell("ols", 100), cell("ols", 200, remedy="robust", errors="units"), cell("slx", 200), cell("sar", 100),
        cell("sdm", 200), cell("sem", 200), cell("sdem", 500, remedy="robust", errors="units"), cell("sac", 500),
        cell("ols", 100, remedy="sets", strength=0.1), cell("sar", 100, remedy="sets"),
        cell("ols", 60, 5, "cluster", "twoway", errors="serial"), cell("slx", 60, 5, "cluster", "entity"),
        cell("sdm", 100, 5, "cluster", "twoway", errors="serial"), cell("sem", 60, 5, effects="twoway"),
        cell("sem", 100, 5, "cluster", "entity", errors="serial"), cell("sdem", 100, 5, effects="twoway"),
        cell("sac", 150, 5, effects="twoway"), cell("gns", 150, 6, effects="twoway"),
        *(cell(model, 100, 5, effects="random") for model in ("ols", "sar", "sem", "sdem")),
    ]  # fmt: skip


def endogenous_by_period_cells() -> list[Cell]:
    """The same with gaps, W that moves, and rows of W that do not sum to one."""
    plain = [(model, 100, 5, shape, "twoway", "classical") for model in ("sdm", "sem", "sac")
             for shape in ("moving", "gaps", "uneven")]  # fmt: skip
    designs = [*plain, ("sem", 60, 4, "gaps", "twoway", "classical"), ("sem", 100, 5, "gaps", "none", "cluster"),
               ("sem", 100, 5, "moving", "time", "robust")]  # fmt: skip
    names = ("model", "n", "T", "shape", "effects", "vcov")
    return [Cell(f"endog-{one[0]}-{one[1]}x{one[2]}-{one[4]}-{one[3]}-{one[5]}", "panel, endogenous regressors",
                 "endogenous_by_period", dict(zip(names, one))) for one in designs]  # fmt: skip


def error_moment_cells() -> list[Cell]:
    """Moments of a spatial error that errors delayed over space, weights, further effects and two W concern."""
    designs = [("sem", 30, 40, "delayed", "driscoll_kraay"), ("sem", 30, 40, "delayed", "cluster"),
               ("sem", 100, 5, "weights", "cluster"), ("sac", 100, 5, "weights", "classical"),
               ("sem", 60, 6, "ways", "classical"), ("sem", 100, 5, "two", "classical"),
               ("sem", 100, 5, "two", "cluster")]  # fmt: skip
    return [Cell(f"error-moments-{model}-{n}x{T}-{kind}-{vcov}", "panel, moments of a spatial error", "error_moments",
                 {"model": model, "n": n, "T": T, "kind": kind, "vcov": vcov}, (200, 400))
            for model, n, T, kind, vcov in designs]  # fmt: skip


def dynamic_endogenous_cells() -> list[Cell]:
    """Dynamic panels with endogenous and predetermined regressors by GMM."""
    designs = [(model, *size, kind) for model in ("sar", "sdm") for size in ((60, 6), (150, 5))
               for kind in ("past", "instruments", "predetermined")] + [("slx", 150, 5, "past")]  # fmt: skip
    return [Cell(f"dynamic-endog-{model}-{N}x{T}-{kind}", "panel, dynamic, endogenous regressors", "dynamic_endogenous",
                 {"model": model, "N": N, "T": T, "kind": kind}, (400, 1000))
            for model, N, T, kind in designs]  # fmt: skip


def dynamic_turned_cells() -> list[Cell]:
    """Dynamic panels with a spatial error that turns the effects."""
    designs = [("sem", 40, 8, "ways"), ("sac", 40, 8, "ways"), ("sem", 40, 8, "gaps"), ("sac", 40, 8, "gaps"),
               ("sem", 40, 8, "moving"), ("gns", 60, 8, "moving")]  # fmt: skip
    return [Cell(f"dynamic-turned-{model}-{N}x{T}-{kind}", "panel, dynamic, a spatial error that turns the effects",
                 "dynamic_turned", {"model": model, "N": N, "T": T, "kind": kind}, (100, 400))
            for model, N, T, kind in designs]  # fmt: skip


def dynamic_exact_cells() -> list[Cell]:
    """Dynamic panels with several W, by regime, with weights of observations, with effects of regions in years."""
    return [Cell(f"dynamic-sar-40x6-{kind.replace(' ', '-')}", "panel, dynamic, exact mean of the score",
                 "dynamic_exact", {"kind": kind, "model": "sar", "N": 40, "T": 6}, (200, 400))
            for kind in ("two W", "regimes", "weights", "ways")]  # fmt: skip


def past_cells() -> list[Cell]:
    """GMM on past values, and two-stage least squares, beside options that they have together."""
    designs = [(kind, "sar", 150, 6) for kind in ("units", "changing", "paths", "two")]
    designs += [("regimes", "sdm", 200, 6), ("rho", "sar", 200, 6)]
    static = [("rho", "sar", "normal"), ("rho", "sac", "normal"), ("correlated", "sdm", "normal"),
              ("correlated", "sac", "normal"), ("correlated", "sar", "units"),
              *(("independent", model, "normal") for model in ("sar", "sac"))]  # fmt: skip
    family = "panel, moments beside other options"
    dynamic = [Cell(f"past-{kind}-{model}-{N}x{T}", family, "past", {"kind": kind, "model": model, "N": N, "T": T},
                    (200, 1000)) for kind, model, N, T in designs]  # fmt: skip
    return [*dynamic, *(Cell(f"moments-{kind}-{model}-100x6-{errors}", family, "beside_moments",
                             {"kind": kind, "model": model, "N": 100, "T": 6, "errors": errors}, (200, 1000))
                        for kind, model, errors in static)]  # fmt: skip


def cells() -> list[Cell]:
    """The grid: what most people do first."""
    small = [cell for cell in default_cells() if cell.design["n"] < 500]
    large = [cell for cell in default_cells() if cell.design["n"] == 500]
    return [*small, *grid_panels.default_cells(), *grid_tests.policy_cells(), *grid_panels.dk_cells(),
            *remedy_cells(), *margin_cells(), *several_cells(), *weighted_cells(), *endogenous_cells(),
            *endogenous_by_period_cells(), *error_moment_cells(), *dynamic_endogenous_cells(), *past_cells(),
            *dynamic_exact_cells(), *dynamic_turned_cells(),
            *regime_cells(), *several_regime_cells(),
            *missing_cells(), *moving_cells(), *moving_several_cells(), *adjusted_cells(), *gap_cells(),
            *grid_panels.robust_cells(), *robust_cells(), *grid_tests.test_cells(), *grid_panels.random_cells(),
            *grid_panels.random_gaps_cells(),
            *grid_panels.dynamic_cells(), *grid_panels.moment_cells(), *grid_panels.new_unit_cells(),
            *grid_panels.forecast_cells(), *grid_panels.serial_cells(), *grid_panels.composed_cells(),
            *grid_panels.ways_cells(), *grid_panels.ways_joint_cells(), *far_rho(), *large,
            *grid_peers.peer_cells(cross, grid_panels.panel)]  # fmt: skip


def named(pattern: str | None = None, part: tuple[int, int] = (1, 1)) -> list[Cell]:
    """Cells whose names match, of one of several parts."""
    from fnmatch import fnmatch

    chosen = [cell for cell in cells() if pattern is None or fnmatch(cell.name, pattern)]
    return chosen[part[0] - 1 :: part[1]]


