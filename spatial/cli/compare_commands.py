"""``spillover compare``: models under several weights, from files; with curves, placebos and figures in a folder."""

from __future__ import annotations

from pathlib import Path

import typer

from .model_commands import (
    DATA,
    DRAWS,
    DURBIN,
    EFFECTS,
    ENTITY,
    FORMULA,
    LEE_YU,
    MISSING,
    OUTPUT,
    PANEL,
    SEED,
    TIME,
    VCOV,
    _model,
    _options,
    _read,
)  # fmt: skip
from .weight_commands import ID, LAYER, MAP, OVERWRITE

FIGURES = ("probabilities.png", "agreement.png", "indirect.png")
TABLES = ("fits.csv", "effects.csv", "averaged.csv", "posterior.csv", "similarity.csv", "residuals.csv")


def register(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    model: str = typer.Argument(help="A model, or several as in slx,sar,sdm."),
    formula: str = FORMULA, data: str = DATA,
    weights: list[str] = typer.Option(..., "--weights", "-w", help="[NAME=]file or builder; repeat for each W."),
    map: str = MAP, id: str = ID, layer: str = LAYER, panel: str = PANEL, entity: str = ENTITY, time: str = TIME,
    effects: str = EFFECTS, durbin: str = DURBIN, lee_yu: str = LEE_YU, vcov: str = VCOV, missing: str = MISSING,
    draws: int = DRAWS, seed: int = SEED, output: str = OUTPUT,
    rho: str = typer.Option("uniform", "--prior-rho", help="uniform or beta."),
    slopes: str = typer.Option("g", "--prior-slopes", help="g or diffuse."),
    common: bool = typer.Option(False, "--common", help="Compare on the units that all W share."),
    folder: str = typer.Option(None, "--folder", help="Leave all tables and figures here."),
    placebo: int = typer.Option(0, help="Relabellings of the best W, with a figure in --folder."),
    variable: str = typer.Option(None, help="Term of a specification curve over W, models and --controls."),
    controls: list[str] = typer.Option([], "--controls", help="NAME=terms of a set of controls; repeat."),
    jobs: int = typer.Option(1, "--jobs", "-j", help="Processes; -1 for all cores."),
    journal: str = typer.Option(None, help="File for the curve's results; an existing one is continued."),
    overwrite: bool = OVERWRITE,
) -> None:  # fmt: skip
    """Models under several weights: fit, effects, and which W the data prefer; curves and placebos."""
    import spatial as sp
    from spillover.errors import SpatialInputError
    from spillover.files import refuse_existing, write_table

    if (placebo or variable) and not folder:
        raise SpatialInputError("E501", "--placebo and --variable leave figures", hint="give --folder")
    options = _options(panel, entity, time, effects=effects, durbin=durbin, lee_yu=lee_yu, vcov=vcov, missing=missing)
    models = [_model(name.strip(), options) for name in model.split(",")]
    names = [*FIGURES, *TABLES]
    names += ["placebo.png", "placebo.csv"] * bool(placebo) + ["curve.png", "curve.csv"] * bool(variable)
    refuse_existing([Path(folder) / name for name in names] if folder else [], overwrite=overwrite)
    table, w = _read(data, weights, map, id, layer, options, output, overwrite)
    how = {"formula": formula, "data": table, "draws": draws, "seed": seed, "n_jobs": jobs, **options}
    found = sp.compare_weights(w, model=models if len(models) > 1 else models[0], common=common,
                               prior=sp.Prior(rho, slopes), **how)  # fmt: skip
    print(found)
    if output:
        write_table(found.tidy(), output, overwrite=overwrite)
    if folder:
        _leave(found, Path(folder), overwrite)
    if placebo:
        _placebo(found, placebo, seed, jobs, Path(folder), overwrite)
    if variable:
        sets = dict(text.partition("=")[::2] for text in controls) or None
        curve = sp.specification_curve(w, model=models, variable=variable, controls=sets, journal=journal, resume=True,
                                       **how)  # fmt: skip
        print(f"\n{curve}")
        write_table(curve.table, Path(folder) / "curve.csv", overwrite=overwrite)
        sp.plot.save(sp.plot.specification_curve(curve), Path(folder) / "curve.png", overwrite=overwrite)


def _leave(found, folder: Path, overwrite: bool) -> None:
    """Every table and figure of a comparison."""
    import numpy as np

    from spillover.files import write_table

    from .. import plot

    tables = {"fits": found.glance(), "effects": found.tidy(), "similarity": _labelled(found.similarity()),
              "residuals": found.residuals()}  # fmt: skip
    drawn = {"agreement": plot.agreement(found), "indirect": plot.by_weights(found, "indirect")}
    if np.isfinite(found.probabilities).all():
        averaged = found.averaged()
        print(f"\n{averaged}")
        tables |= {"averaged": averaged.tidy(), "posterior": _labelled(found.posterior())}
        drawn["probabilities"] = plot.probabilities(found)
    for name, frame in tables.items():
        write_table(frame, folder / f"{name}.csv", overwrite=overwrite)
    for name, axes in drawn.items():
        plot.save(axes, folder / f"{name}.png", overwrite=overwrite)


def _placebo(found, draws, seed, jobs, folder: Path, overwrite: bool) -> None:
    import spatial as sp
    from spillover.files import write_table

    best = int(found.probabilities.fillna(0.0).to_numpy().argmax())
    placebos = sp.placebo_weights(list(found.fits.values())[best], draws=draws, seed=seed, n_jobs=jobs)
    print(f"\n{placebos}")
    write_table(placebos.tidy(), folder / "placebo.csv", overwrite=overwrite)
    what = placebos.names[0] if placebos.names else "indirect"
    sp.plot.save(sp.plot.placebo_weights(placebos, what), folder / "placebo.png", overwrite=overwrite)


def _labelled(frame):
    return frame.rename_axis("weights").rename_axis(columns=None).reset_index()
