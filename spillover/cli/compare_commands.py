"""``spillover compare``: models under several weights, from files; with curves, placebos and figures in a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import typer

from spillover.errors import SpatialInputError

from .model_commands import (  # fmt: skip
    CORRECTION,
    DATA,
    DRAWS,
    DURBIN,
    EFFECTS,
    ENTITY,
    FORMULA,
    MISSING,
    OUTPUT,
    PANEL,
    SEED,
    TIME,
    VCOV,
    _model,
    _options,
    _read,
)
from .weight_commands import ID, LAYER, MAP, OVERWRITE

FIGURES = ("probabilities.png", "agreement.png", "indirect.png")
TABLES = ("fits.csv", "effects.csv", "coefficients.csv", "averaged.csv", "posterior.csv", "similarity.csv",
          "residuals.csv")  # fmt: skip
NUMBER = r"(-?\d+(?:\.\d+)?)"
RANGE = re.compile(rf"(\w+)={NUMBER}\.\.{NUMBER}(?:\.\.{NUMBER})?")


def register(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    model: str = typer.Argument(help="A model, or several as in slx,sar,sdm."),
    formula: str = FORMULA, data: str = DATA,
    weights: list[str] = typer.Option(..., "--weights", "-w", help="[NAME=]file or builder; repeat for each W."),
    map: str = MAP, id: str = ID, layer: str = LAYER, panel: str = PANEL, entity: str = ENTITY, time: str = TIME,
    effects: str = EFFECTS, durbin: str = DURBIN, correction: str = CORRECTION, vcov: str = VCOV,
    missing: str = MISSING,
    draws: int = DRAWS, seed: int = SEED, output: str = OUTPUT,
    rho: str = typer.Option("uniform", "--prior-rho", help="uniform or beta."),
    slopes: str = typer.Option("g", "--prior-slopes", help="g or diffuse."),
    common: bool = typer.Option(False, "--common", help="Compare on the units that all W share."),
    folder: str = typer.Option(None, "--folder", help="Leave all tables and figures here."),
    placebo: int = typer.Option(0, help="Relabellings of the best W, with a figure in --folder."),
    variable: str = typer.Option(None, help="Term of a specification curve over W, models and --controls."),
    controls: list[str] = typer.Option([], "--controls", help="NAME=terms of a set of controls; repeat."),
    jobs: int = typer.Option(1, "--jobs", "-j", help="Processes; -1 for all cores."),
    tune: str = typer.Option(None, help="A builder with a range: knn:k=3..12, or lowest..highest..step."),
    mix: bool = typer.Option(False, "--mix", help="Estimate the shares of the W in one W."),
    journal: str = typer.Option(None, help="Folder for results as they come (parquet); an existing one is continued."),
    overwrite: bool = OVERWRITE,
) -> None:  # fmt: skip
    """Models under several weights: fit, effects, and which W the data prefer; curves and placebos."""
    import spatial as sp
    from spillover.files import TABLES, check_outputs, write_table

    from ._inputs import read_map

    if (placebo or variable) and not folder:
        raise SpatialInputError("E501", "--placebo and --variable leave figures", hint="give --folder")
    options = _options(panel, entity, time, effects=effects, durbin=durbin, correction=correction, vcov=vcov,
                       missing=missing)  # fmt: skip
    models = [_model(name.strip(), options) for name in model.split(",")]
    if (tune or mix) and len(models) > 1:
        raise SpatialInputError("E513", "--tune and --mix are of one model", hint="name one, such as sdm")
    names = _file_names({"placebo": placebo, "curve": variable, "tuned": tune}, mix)
    check_outputs([Path(folder) / name for name in names] if folder else [], overwrite=overwrite)
    check_outputs([output], overwrite=overwrite, suffixes=TABLES, inputs=[data, map])
    table, w = _read(data, weights, map, id, layer, options, output, overwrite)
    how = {"formula": formula, "data": table, **options}
    drawn, many = {"draws": draws, "seed": seed}, {"n_jobs": jobs}
    found = sp.compare_weights(w, model=models if len(models) > 1 else models[0], common=common,
                               prior=sp.Prior(rho, slopes), **how, **drawn, **many,
                               **_kept(journal, "fits"))  # fmt: skip
    print(found)
    if output:
        write_table(found.tidy(), output, overwrite=overwrite)
    left = Left(Path(folder) if folder else None, overwrite)
    if folder:
        _leave(found, left)
    if tune:
        gdf = read_map(map, id=id, layer=layer) if map else None
        _tuned(tune, gdf, table, options, left, model=models[0], **how, **many, **_kept(journal, "tuned"))
    if mix:
        mixed = sp.mix_weights(w, model=models[0], **how, **_kept(journal, "mixed"))
        left.both("mixed", mixed, mixed.tidy())
    if placebo:
        _placebo(found, left, draws=placebo, seed=seed, **many, **_kept(journal, "placebo"))
    if variable:
        sets = dict(text.partition("=")[::2] for text in controls) or None
        curve = sp.specification_curve(w, model=models, variable=variable, controls=sets, **how, **drawn, **many,
                                       **_kept(journal, "curve"))  # fmt: skip
        left.both("curve", curve, curve.table, lambda: sp.plot.specification_curve(curve))


def _kept(journal, step: str) -> dict:
    """One folder in the journal for each step."""
    return {"journal": Path(journal) / step, "resume": True} if journal else {}


def _file_names(steps: dict, mix: bool) -> list[str]:
    """What a folder will hold."""
    names = [*FIGURES, *TABLES, *["mixed.csv"] * mix]
    return names + [f"{step}.{suffix}" for step, wanted in steps.items() if wanted for suffix in ("png", "csv")]


def _tuned(text, gdf, table, options, left, **how) -> None:
    import spatial as sp

    name, values, family = _family(text, gdf, table, options)
    tuned = sp.tune_weights(family, values, name=name, **how)
    left.both("tuned", tuned, tuned.profile(), lambda: sp.plot.profile(tuned))


def _placebo(found, left, **how) -> None:
    """Of the likeliest W."""
    import spatial as sp

    best = list(found.fits)[int(found.probabilities.fillna(0.0).to_numpy().argmax())]
    placebos = sp.placebo_weights(found[best], **how)
    what = placebos.names[0] if placebos.names else "indirect"
    left.both("placebo", placebos, placebos.tidy(), lambda: sp.plot.placebo_weights(placebos, what))


@dataclass(frozen=True)
class Left:
    """What a step leaves: words on the screen and, in a folder where there is one, a table and a figure."""

    folder: Path | None
    overwrite: bool

    def both(self, name: str, words, table, draw=None) -> None:
        from spatial import plot

        print(f"\n{words}")
        if self.folder:
            self.table(name, table)
            if draw:
                plot.save(draw(), self.folder / f"{name}.png", overwrite=self.overwrite)

    def table(self, name: str, frame) -> None:
        from spillover.files import write_table

        write_table(frame, self.folder / f"{name}.csv", overwrite=self.overwrite)


def _family(text: str, gdf, table, options):
    """(parameter, values, W by value) of ``knn:k=3..12``.

    Raises
    ------
    SpatialInputError
        E501 for a text without a range, or one with two.
    """
    found = RANGE.findall(text)
    if len(found) != 1:
        raise SpatialInputError("E501", f"--tune {text!r} needs one range", hint="as in knn:k=3..12")
    name, low, high, step = found[0]
    step = float(step or 1)
    count = int((float(high) - float(low)) / step + 1e-9) + 1 if step > 0 else 0
    values = [float(low) + step * i for i in range(count)]
    whole = all(value.is_integer() for value in values)
    keys = {key: options.get(key) for key in ("entity", "time")}

    def family(value):
        from ._inputs import read_weights

        return read_weights(RANGE.sub(f"{name}={value}", text), gdf=gdf, table=table, **keys)

    return name, [int(value) for value in values] if whole else values, family


def _leave(found, left: Left) -> None:
    """Every table and figure of a comparison."""
    import numpy as np

    from spatial import plot

    tables = {"fits": found.glance(), "effects": found.tidy(), "coefficients": found.coefficients(),
              "similarity": _labelled(found.similarity()), "residuals": found.residuals()}  # fmt: skip
    drawn = {"agreement": plot.agreement(found), "indirect": plot.by_weights(found, "indirect")}
    if np.isfinite(found.probabilities).any():
        averaged = found.averaged()
        print(f"\n{averaged}")
        tables |= {"averaged": averaged.tidy(), "posterior": _labelled(found.posterior())}
        drawn["probabilities"] = plot.probabilities(found)
    for name, frame in tables.items():
        left.table(name, frame)
    for name, axes in drawn.items():
        plot.save(axes, left.folder / f"{name}.png", overwrite=left.overwrite)


def _labelled(frame):
    return frame.rename_axis("weights").rename_axis(columns=None).reset_index()
