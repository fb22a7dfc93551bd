"""Cells of panels."""

from __future__ import annotations

from .cell import Cell

SIZES = ((20, 6), (31, 13), (60, 4), (150, 3))


def panel(model, N, T, remedy="default", *, family="panel, default", **design) -> Cell:
    """``panel-sar-31x13-knn-twoway-normal-default``."""
    own = {"by": None} if remedy == "default" and model in ("sac", "gns") else {}  # the fit's choice
    design = {"model": model, "N": N, "T": T, **own, **design}
    w, effects, errors = (design.get(k, v) for k, v in (("w", "knn"), ("effects", "twoway"), ("errors", "normal")))
    k = f"-k{design['k']}" if "k" in design else ""
    return Cell(f"panel-{model}-{N}x{T}-{w}{k}-{effects}-{errors}-{remedy}", family, "panel", design)


def default_cells() -> list[Cell]:
    """Two-way and unit effects by transformation."""
    cells = []
    for (N, T), w, errors in zip(SIZES, ("knn", "knn", "coast", "knn"), ("normal", "chi2", "normal", "t5")):
        cells += [panel(model, N, T, w=w, errors=errors) for model in ("sdm", "sar")]
        cells += [panel(model, N, T, errors=errors) for model in ("sem", "sac")]  # need rows that sum to one
        fourth = ("sdem", "slx", "ols", "gns") if N < 100 else ("sdem", "gns")
        cells += [panel(model, N, T, w=w, effects="entity", k=4, errors=errors) for model in fourth]
    return [*cells, panel("sdm", 31, 13, k=4), panel("sdm", 60, 4, k=4), panel("sar", 31, 13, w="dense"),
            panel("sar", 31, 13, gaps=True, family="panel, gaps", remedy="gaps"),
            panel("sem", 31, 13, gaps=True, effects="entity", family="panel, gaps", remedy="gaps")]  # fmt: skip


def robust_cells() -> list[Cell]:
    family, cells = "panel, robust", []
    for N, T in SIZES:
        cells += [panel("sdm", N, T, "robust", vcov="robust", errors="units", family=family),
                  panel("sar", N, T, "cluster", vcov="cluster", errors="serial", family=family)]  # fmt: skip
    cells.append(panel("sem", 31, 13, "cluster", vcov="cluster", errors="serial", effects="entity", family=family))
    cells += [panel("ols", N, T, "cluster", vcov="cluster", errors="serial", family=family)
              for N, T in ((20, 6), (60, 4))]  # fmt: skip
    return cells


def dk_cells() -> list[Cell]:
    family, cells = "panel, Driscoll-Kraay", []
    for N, T in SIZES:
        cells += [panel("sar", N, T, "dk", vcov="driscoll_kraay", errors="serial", family=family),
                  panel("sdm", N, T, "dk", vcov="driscoll_kraay", family=family),
                  panel("ols", N, T, "dk", vcov="driscoll_kraay", errors="factor", family=family)]  # fmt: skip
    return cells


def random_gaps_cells() -> list[Cell]:
    """Random effects of units that are there for 3 to 8 periods."""
    designs = [("sar", {}), ("sdm", {}), ("sem", {"random_error": "kkp"}), ("sem", {"random_error": "baltagi"}),
               ("sdm", {"effects": "correlated"}), ("sar", {"errors": "units", "vcov": "robust"}),
               ("sdm", {"method": "gmm"})]  # fmt: skip
    return [Cell("-".join(["randomgaps", model, "100x8", *(str(value) for value in more.values())]),
                 "panel, random effects with gaps", "random_gaps", {"model": model, "N": 100, "T": 8, **more},
                 (400, 1000)) for model, more in designs]  # fmt: skip


def random_cells() -> list[Cell]:
    family, cells = "panel, random effects", []
    for N, T in ((31, 13), (60, 4)):
        cells += [panel("sdm", N, T, effects="random", family=family),
                  panel("sdm", N, T, effects="correlated", family=family)]  # fmt: skip
    return [*cells, panel("sar", 31, 13, effects="random", family=family),
            panel("sdem", 31, 13, "kkp", effects="random", random_error="kkp", family=family),
            panel("sdem", 31, 13, "baltagi", effects="random", random_error="baltagi", family=family),
            panel("sdm", 150, 3, effects="chamberlain", family=family),
            panel("ols", 20, 6, effects="random", family=family)]  # fmt: skip


def dynamic_cells() -> list[Cell]:
    family = "panel, dynamic"

    def cell(N, T, remedy="default", effects="twoway", **more):
        model = more.get("model", "sdm")
        experiment = "dynamics" if "model" in more else "resampled" if "draws" in more else "dynamic"
        return Cell(f"dynamic-{model}-{N}x{T}-{effects}-{remedy}", family, experiment,
                    {"N": N, "T": T, "effects": effects, **more})  # fmt: skip

    errors = [cell(31, 13, model=model) for model in ("sem", "sdem", "sac", "gns")]
    short = [cell(60, 4, "aqs", model=model, method="aqs") for model in ("sdm", "sem", "sdem", "sac")]
    plain = [cell(31, 13, model="slx"), cell(60, 4, "aqs", model="slx", method="aqs")]  # no W y
    return [cell(31, 13), cell(60, 4), cell(20, 6), cell(31, 13, effects="entity"), *plain,
            cell(150, 6, "gmm", method="gmm", effects="entity"), *errors, *short,
            cell(31, 13, "aqs", model="sdm", method="aqs"), cell(150, 3, "aqs", model="sdm", method="aqs"),
            cell(31, 13, "bootstrap99", effects="entity", draws=99),
            cell(60, 4, "started", model="sdm", method="aqs", burn=1),
            cell(60, 4, "chi2", model="sdm", method="aqs", errors="chi2")]  # fmt: skip


def moment_cells() -> list[Cell]:
    family = "panel, moments"
    return [panel(model, N, T, "gmm", method="gmm", effects="entity", family=family)
            for N, T, model in ((31, 13, "sar"), (31, 13, "sem"))]  # fmt: skip


def forecast_cells() -> list[Cell]:
    """New periods of fixed and random effects, spatial errors, dynamic models."""
    designs = [("sdm", 31, 6, {}), ("sac", 31, 6, {}), ("sar", 31, 4, {"effects": "random"}),
               ("sem", 31, 5, {"effects": "random", "random_error": "baltagi"}),
               ("sem", 31, 5, {"effects": "random", "random_error": "kkp"}), ("sar", 31, 13, {"lags": "y"}),
               ("ols", 20, 4, {}), ("sdm", 31, 8, {"regimes": "regimes"}),
               ("sdm", 31, 8, {"second": "dense"})]  # fmt: skip
    return [Cell("-".join(["forecast", model, f"{N}x{T}", *more.values()]), "panel, forecasts", "forecasts",
                 {"model": model, "N": N, "T": T, **more}) for model, N, T, more in designs]  # fmt: skip


def new_unit_cells() -> list[Cell]:
    """Units that the fit does not have: random effects, spatial errors, fixed effects around their mean, none."""
    designs = [("sar", 48, 5, {"effects": "random"}), ("sem", 48, 5, {"effects": "random", "random_error": "kkp"}),
               ("sem", 48, 5, {"effects": "random", "random_error": "baltagi"}), ("sar", 48, 8, {"effects": "entity"}),
               ("sar", 48, 5, {"effects": "none"})]  # fmt: skip
    return [Cell("-".join(["new", model, f"{N}x{T}", *more.values()]), "panel, new units", "new_units",
                 {"model": model, "N": N, "T": T, **more}) for model, N, T, more in designs]  # fmt: skip


def serial_cells() -> list[Cell]:
    """Errors that are correlated over time: pooled, and beside unit effects."""
    designs = [("sdm", 31, 13, {"psi": 0.5}), ("sem", 60, 4, {"psi": 0.7}),
               ("sdm", 31, 13, {"psi": 0.5, "phi": 1.0, "effects": "random"}),
               ("sar", 60, 6, {"psi": 0.3, "phi": 1.0, "effects": "correlated"}),
               ("sem", 31, 8, {"psi": 0.5, "phi": 1.0, "effects": "random", "random_error": "baltagi"}),
               *((model, N, T, {"psi": 0.5, "phi": 1.0, "effects": effects}) for model, N, T, effects in (
                   ("sdm", 31, 13, "twoway"), ("sem", 31, 13, "entity"), ("sar", 60, 4, "twoway"),
                   ("sem", 60, 4, "entity")))]  # fmt: skip
    return [Cell("-".join(["serial", model, f"{N}x{T}", *map(str, more.values())]), "panel, serial correlation",
                 "serial", {"model": model, "N": N, "T": T, **more}) for model, N, T, more in designs]  # fmt: skip


def composed_cells() -> list[Cell]:
    """Random effects and errors correlated over time, of two W, of two regimes and with weights of observations."""
    designs = [("several", 31, 6, {"effects": "random"}), ("several", 60, 5, {"effects": "correlated"}),
               ("several", 31, 6, {"effects": "twoway", "psi": 0.5}),
               ("several", 31, 8, {"effects": "random", "psi": 0.5}), ("regimes", 60, 6, {"effects": "random"}),
               ("regimes", 60, 6, {"effects": "twoway", "psi": 0.5}),
               ("weights", 31, 6, {"effects": "twoway", "psi": 0.5}),
               ("weights", 31, 8, {"effects": "random", "psi": 0.5})]  # fmt: skip
    return [Cell("-".join(["composed", what, f"{N}x{T}", *map(str, more.values())]), "panel, errors of several parts",
                 "composed", {"what": what, "N": N, "T": T, **more}, (200, 400))
            for what, N, T, more in designs]  # fmt: skip


def ways_joint_cells() -> list[Cell]:
    """The same beside two W, rho, lambda and sigma2 by regime, and errors that are correlated over time."""
    designs = [("sdm", "two W", {}), ("sac", "two W", {}), ("sdm", "regimes", {}), ("sem", "regimes", {}),
               ("sdm", "serial", {}), ("sem", "serial", {}), ("sar", "serial", {"behind": "y ~ x | i + t + r[t]"}),
               ("sar", "serial", {"behind": "y ~ x | i[t] + t"}), ("sdm", "serial", {"vcov": "robust"})]  # fmt: skip
    cells = []
    for model, kind, more in designs:
        trends = "unit-trends" if "i[t]" in more.get("behind", "") else "region-trends" if "behind" in more else ""
        name = "-".join(filter(None, ["ways", model, kind.replace(" ", ""), "28x10", trends, more.get("vcov", "")]))
        cells.append(Cell(name, "panel, effects absorbed", "ways_joint", {"model": model, "kind": kind, **more}))
    return cells


def ways_cells() -> list[Cell]:
    """Units, periods and regions by period behind the bar of the formula."""
    return [Cell(f"ways-{model}-28x10", "panel, effects absorbed", "ways", {"model": model})
            for model in ("ols", "sar", "sdm", "sem", "sac")] + [
                Cell(f"ways-{model}-28x10-{vcov}-chi2", "panel, effects absorbed", "ways",
                     {"model": model, "vcov": vcov, "errors": "chi2"})
                for model, vcov in (("sdm", "robust"), ("sar", "cluster"), ("sem", "robust"))]  # fmt: skip
