"""Cells of policies and of tests."""

from __future__ import annotations

from .cell import Cell


def policy_cells() -> list[Cell]:
    """Differences in differences, their spatial kin, tests before adoption, placebos."""
    def did(N, T, adopters, remedy="default", **more):
        persistence = f"-ar{more['persistence']:g}" if "persistence" in more else ""
        uneven = "-unequal" if more.get("unequal") else ""
        return Cell(f"did-{N}x{T}-{adopters}treated{persistence}{uneven}-{remedy}", "policy, did", "did",
                    {"N": N, "T": T, "adopters": adopters, **more})  # fmt: skip

    def spatial(N, T, adopters, model, remedy="default", **more):
        return Cell(f"spatialdid-{model}-{N}x{T}-{adopters}treated-{remedy}", "policy, spatial did", "spatial_did",
                    {"N": N, "T": T, "adopters": adopters, "model": model, **more})  # fmt: skip

    few = Cell("did-31x13-3treated-randomization", "policy, did", "did",
               {"N": 31, "T": 13, "adopters": 3, "remedy": "randomization"})  # fmt: skip
    rings = [Cell(f"ringdid-{side}x{side}x{T}-{adopters}treated-{method}", "policy, rings", "ring_did",
                  {"side": side, "T": T, "adopters": adopters, "method": method})
             for side, T, adopters, method in ((7, 8, 5, "imputation"), (10, 6, 10, "twfe"))]  # fmt: skip
    rings.append(Cell("ringdid-7x7x8-5treated-imputation-gaps", "policy, rings", "ring_did",
                      {"side": 7, "T": 8, "adopters": 5, "gaps": 0.1}))  # fmt: skip
    def exposed(name, side, T, adopters, **more):
        return Cell(f"exposuredid-{side}x{side}x{T}-{adopters}treated-{name}", "policy, exposure", "exposure_did",
                    {"side": side, "T": T, "adopters": adopters, **more})  # fmt: skip

    exposures = [exposed("any", 10, 10, 20), exposed("few", 7, 8, 6), exposed("ar0.6", 10, 10, 20, persistence=0.6),
                 exposed("share", 10, 10, 20, exposure="share"), exposed("count", 10, 10, 20, exposure="count"),
                 exposed("neighbors", 10, 10, 20, vcov="neighbors", spatial=1.0)]  # fmt: skip
    more = [Cell(f"did-{N}x{T}-given-{adjustment}{'-gaps' if gaps else ''}", "policy, did", "conditional_did",
                  {"N": N, "T": T, "adjustment": adjustment, "gaps": gaps})
             for N, T, adjustment, gaps in ((60, 6, "doubly_robust", 0.0), (60, 6, "improved", 0.0),
                                            (100, 5, "doubly_robust", 0.1))]  # fmt: skip
    more += [Cell(f"did-{N}x{T}-switchers{'-gaps' if gaps else ''}", "policy, did", "switching_did",
                   {"N": N, "T": T, "gaps": gaps})
              for N, T, gaps in ((31, 8, 0.0), (100, 5, 0.0), (60, 6, 0.1))]  # fmt: skip
    exposures += [Cell(f"spatialdid-{model}-{N}x{T}-{adopters}treated-gaps", "policy, spatial did", "spatial_did_gaps",
                       {"N": N, "T": T, "adopters": adopters, "model": model})
                  for N, T, adopters, model in ((31, 13, 8, "sdm"), (60, 6, 20, "sdm"))]  # fmt: skip
    more += [Cell(f"did-{N}x{T}-dose-{name}", "policy, did", "dose_did", {"N": N, "T": T, **design})
             for N, T, name, design in (
                 (40, 4, "degree2", {"degree": 2}), (120, 5, "band", {"dates": 2, "band": "simultaneous"}),
                 (90, 4, "bins", {"basis": "bins"}), (90, 4, "gaps", {"gaps": 0.1}),
                 (60, 4, "lowest", {"basis": "bins", "control": "lowest_dose"}))]  # fmt: skip
    return [*exposures, *more, did(31, 13, 12), did(20, 6, 6), did(60, 4, 20), did(150, 3, 60),
            did(31, 13, 12, persistence=0.6),
            did(20, 6, 6, persistence=0.6), did(31, 13, 12, unequal=True), did(60, 4, 20, unequal=True),
            few, did(31, 13, 3),
            did(31, 13, 12, "group_time", method="group_time"), did(31, 13, 12, "twfe", method="twfe"),
            did(60, 4, 20, "group_time", method="group_time"), did(31, 13, 12, "band", band="simultaneous"),
            Cell("did-20x6-6treated-placebo", "policy, did", "did",
                 {"N": 20, "T": 6, "adopters": 6, "method": "twfe", "remedy": "placebo"}),
            spatial(31, 13, 8, "sdm"), spatial(20, 6, 6, "sdm"), spatial(60, 4, 20, "sar"), spatial(31, 13, 8, "slx"),
            spatial(60, 4, 20, "sdem"), spatial(60, 4, 20, "sdm", "oim", vcov="oim"), *rings]  # fmt: skip


def test_cells() -> list[Cell]:
    """Sizes."""
    cells = [Cell(f"lm-n{n}-{w}-k{k}-{errors}", "tests, LM", "lm", {"n": n, "w": w, "k": k, "errors": errors})
             for n, w, k, errors in ((48, "knn", 1, "normal"), (48, "queen", 8, "t5"), (100, "group", 4, "chi2"),
                                     (48, "coast", 15, "normal"), (100, "dense", 4, "t5"))]  # fmt: skip
    cells += [Cell(f"restrictions-n{n}-{w}-k{k}-{method}", "tests, LR and Wald", "restrictions",
                   {"n": n, "w": w, "k": k, "method": method})
              for n, w, k, method in ((48, "knn", 1, "ml"),)]  # fmt: skip
    cells += [Cell("restrictions-n48-queen-k4-reml", "tests, LR and Wald", "restrictions",
                   {"n": 48, "w": "queen", "k": 4, "method": "reml", "truths": ("sar", "sem")})]  # fmt: skip
    cells += [Cell(f"restrictions-panel-{n}x{T}-k{k}", "tests, LR and Wald", "restrictions", {"n": n, "T": T, "k": k})
              for n, T, k in ((60, 4, 2),)]  # fmt: skip
    cells += [Cell(f"residual-n{n}-{w}-k{k}", "tests, residuals", "residual", {"n": n, "w": w, "k": k})
              for n, w, k in ((48, "knn", 4),)]  # fmt: skip
    for kind, N, T in (("lm", 31, 13), ("lm", 20, 6), ("effects", 31, 13), ("residuals", 31, 13), ("residuals", 20, 6)):
        cells.append(Cell(f"panel-{kind}-{N}x{T}", "tests, panels", f"panel_{kind}", {"N": N, "T": T}))
    cells += [Cell(f"specify-n{n}-{w}-k2-{rule}", "search", "search", {"n": n, "w": w, "rule": rule})
              for n, w, rule in ((100, "knn", "specific_to_general"),)]  # fmt: skip
    cells += [Cell(f"moran-n{n}-{w}-{law}", "tests, Moran", "moran", {"n": n, "w": w, "law": law})
              for n, w, law in ((48, "queen", "normal"), (100, "dense", "exponential"))]  # fmt: skip
    return cells


def other_cells() -> list[Cell]:
    """Convergence, chains, thresholds, mediation and common factors with many regressors: measured by
    ``test_others.py`` and recorded in docs/coverage.md, beside the certificate's grid."""
    worlds = ((48, "queen", "normal", 0.6), (48, "knn", "t4", 0.0), (100, "queen", "exponential", 0.7))
    sigma = [Cell(f"sigma-n{n}-{w}-{law}-rho{rho:g}", "tests, indicators", "sigma",
                  {"n": n, "w": w, "law": law, "rho": rho}) for n, w, law, rho in worlds]  # fmt: skip
    chains = [Cell("chain-48x13-queen-ar0.9", "tests, indicators", "chain", {"n": 48, "T": 13, "w": "queen"})]
    thresholds = [Cell(f"threshold-{N}x{T}-grid{grid}", "policy, thresholds", "threshold",
                       {"N": N, "T": T, "grid": grid}) for N, T, grid in ((50, 8, 300), (30, 10, 40))]  # fmt: skip
    paths = [Cell(f"mediation-31x5-a{a:g}-b{b:g}", "policy, mediation", "no_mediation",
                  {"N": 31, "T": 5, "a": a, "b": b}) for a, b in ((0.0, 0.0), (0.8, 0.0), (0.0, 0.6))]  # fmt: skip
    factor = Cell("restrictions-n48-knn-k8-ml", "tests, LR and Wald", "restrictions",
                  {"n": 48, "w": "knn", "k": 8, "truths": ("sar", "sem")})  # fmt: skip
    return [*sigma, *chains, *thresholds, *paths, factor]
