"""``spillover compare``: models under several weights, from files; with curves, placebos and figures in a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spillover.errors import SpatialInputError
from spillover.files import check_outputs
from spillover.progress import following

from .groups import App, Data, Model, Output, command
from .model_commands import model_of, options_of
from .options import FORMULA, JOBS, SEED, SEVERAL

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from .source import Source

FIGURES = ("probabilities.png", "agreement.png", "indirect.png")
TABLES = ("fits.csv", "effects.csv", "coefficients.csv", "averaged.csv", "posterior.csv", "similarity.csv",
          "residuals.csv")  # fmt: skip
NUMBER = r"(-?\d+(?:\.\d+)?)"
RANGE = re.compile(rf"(\w+)={NUMBER}\.\.{NUMBER}(?:\.\.{NUMBER})?")


def register(app: App) -> None:
    command(app)(compare)


@dataclass(frozen=True)
class Steps:
    """What is done besides the comparison."""

    folder: Annotated[str | None, typer.Option("--folder", help="Leave all tables and figures here.")] = None
    tune: Annotated[str | None, typer.Option(help="A builder with a range: knn:k=3..12, or low..high..step.")] = None
    mix: Annotated[bool, typer.Option("--mix", help="Estimate the shares of the W in one W.")] = False
    placebo: Annotated[int, typer.Option(help="Relabellings of the best W, with a figure in --folder.")] = 0
    variable: Annotated[str | None, typer.Option(help="Term of a specification curve over W, models and "
                                                 "--controls.")] = None
    controls: Annotated[list[str] | None, typer.Option("--controls", help="NAME=terms of controls; repeat.")] = None
    journal: Annotated[str | None, typer.Option(help="Folder for results as they come (parquet); an existing one is "
                                                "continued.")] = None


def compare(
    source: Data, settings: Model, output: Output, steps: Steps, *, formula: FORMULA, weights: SEVERAL,
    model: Annotated[str, typer.Option("--model", "-M", help="A model, or several as in slx,sar,sdm.")] = "sdm",
    rho: Annotated[str, typer.Option("--prior-rho", help="uniform or beta.")] = "uniform",
    slopes: Annotated[str, typer.Option("--prior-slopes", help="g or diffuse.")] = "g",
    common: Annotated[bool, typer.Option("--common", help="Compare on the units that all W share.")] = False,
    seed: SEED = 1, jobs: JOBS = 1,
) -> None:  # fmt: skip
    """Models under several weights: fit, effects, and which W the data prefer; curves and placebos.

    Examples:
      spillover compare example:columbus "CRIME ~ INC + HOVAL" --model sdm -w queen -w rook
      spillover compare example:us_states "log(gsp) ~ unemp" --model sar -w queen -w knn:k=5 --folder which_w
    """
    import spatial as sp

    from . import output as out
    from .source import read_source

    names, models = _checked(steps, settings, model)
    out.check(output, inputs=[source.data, source.map])
    if steps.folder:
        check_outputs([Path(steps.folder) / name for name in names], overwrite=output.overwrite)
    rows = read_source(source)
    w, options = rows.several_weights(weights), options_of(settings, rows)
    how: dict[str, Any] = {"formula": formula, "data": rows.table, **options}
    comparison = sp.compare_weights(w, model=models if len(models) > 1 else models[0], common=common,
                                    prior=sp.Prior(rho, slopes), **how, **_many("comparing", jobs),
                                    **_kept(steps.journal, "fits"))  # fmt: skip
    folder = Folder(Path(steps.folder), output.overwrite) if steps.folder else None
    out.show(comparison, comparison.tidy, output, notes=rows.notes,
             files=[] if folder is None else [folder.path / name for name in names])  # fmt: skip
    left = Left(folder, output.json or output.output == "-")
    if folder is not None:
        _leave(comparison, left, folder)
    if steps.tune:
        _tuned(steps.tune, rows, left, model=models[0], **how, **_many("tuning", jobs), **_kept(steps.journal, "tuned"))
    if steps.mix:
        mixed = sp.mix_weights(w, model=models[0], **how, **_kept(steps.journal, "mixed"))
        left.both("mixed", mixed, mixed.tidy())
    if steps.placebo:
        how_many = {"draws": steps.placebo, "seed": seed, **_many("placebos", jobs)}
        _placebo(comparison, left, **how_many, **_kept(steps.journal, "placebo"))
    if steps.variable:
        sets = dict(text.partition("=")[::2] for text in steps.controls or ()) or None
        curve = sp.specification_curve(w, model=models, variable=steps.variable, controls=sets, **how,
                                       **_many("specifications", jobs), **_kept(steps.journal, "curve"))  # fmt: skip
        left.both("curve", curve, curve.table, lambda: sp.plot.specification_curve(curve))
    if comparison.failed:
        raise typer.Exit(4)


def _checked(steps: Steps, settings: Model, model: str) -> tuple[list[str], list]:
    """Files that the folder will hold, and the models; refuses what does not go together."""
    if (steps.placebo or steps.variable) and not steps.folder:
        raise SpatialInputError("E501", "--placebo and --variable leave figures", hint="give --folder")
    models = [model_of(name.strip(), settings) for name in model.split(",")]
    if (steps.tune or steps.mix) and len(models) > 1:
        raise SpatialInputError("E513", "--tune and --mix are of one model", hint="name one, such as sdm")
    wanted = {"placebo": steps.placebo, "curve": steps.variable, "tuned": steps.tune}
    return _file_names(wanted, steps.mix), models


def _many(words: str, jobs: int) -> dict:
    """How many jobs are run side by side, and how they report."""
    return {"n_jobs": jobs, "progress": following(words)}


def _kept(journal, step: str) -> dict:
    """One folder in the journal for each step."""
    return {"journal": Path(journal) / step, "resume": True} if journal else {}


def _file_names(steps: dict, mix: bool) -> list[str]:
    """What a folder will hold."""
    names = [*FIGURES, *TABLES, *["mixed.csv"] * mix]
    return names + [f"{step}.{suffix}" for step, wanted in steps.items() if wanted for suffix in ("png", "csv")]


def _tuned(text, rows: Source, left, **how) -> None:
    import spatial as sp

    name, values, family = _family(text, rows)
    tuned = sp.tune_weights(family, values, name=name, **how)
    left.both("tuned", tuned, tuned.profile(), lambda: sp.plot.profile(tuned))


def _placebo(comparison, left, **how) -> None:
    """Of the likeliest W."""
    import spatial as sp

    best = list(comparison.fits)[int(comparison.probabilities.fillna(0.0).to_numpy().argmax())]
    placebos = sp.placebo_weights(comparison[best], **how)
    what = placebos.names[0] if placebos.names else "indirect"
    left.both("placebo", placebos, placebos.tidy(), lambda: sp.plot.placebo_weights(placebos, what))


@dataclass(frozen=True)
class Folder:
    """Where tables and figures are left."""

    path: Path
    overwrite: bool

    def table(self, name: str, frame: pd.DataFrame) -> None:
        from spillover.files import write_table

        write_table(frame, self.path / f"{name}.csv", overwrite=self.overwrite)

    def figure(self, name: str, axes) -> None:
        from spatial import plot

        plot.save(axes, self.path / f"{name}.png", overwrite=self.overwrite)


@dataclass(frozen=True)
class Left:
    """What a step leaves: words on the screen and, in a folder where there is one, a table and a figure."""

    folder: Folder | None
    quiet: bool = False  # stdout is for JSON or CSV

    def both(self, name: str, words, table: pd.DataFrame, draw: Callable | None = None) -> None:
        self.say(words)
        if self.folder is not None:
            self.folder.table(name, table)
            if draw:
                self.folder.figure(name, draw())

    def say(self, words) -> None:
        if not self.quiet:
            print(f"\n{words}")


def _family(text: str, rows: Source):
    """(parameter, values, W by value) of ``knn:k=3..12``.

    Raises
    ------
    SpatialInputError
        E501 for a text without a range, or one with two.
    """
    ranges = RANGE.findall(text)
    if len(ranges) != 1:
        raise SpatialInputError("E501", f"--tune {text!r} needs one range", hint="as in knn:k=3..12")
    name, low, high, step = ranges[0]
    step = float(step or 1)
    count = int((float(high) - float(low)) / step + 1e-9) + 1 if step > 0 else 0
    values = [float(low) + step * i for i in range(count)]
    whole = all(value.is_integer() for value in values)

    def family(value):
        return rows.weights(RANGE.sub(f"{name}={value}", text))

    return name, [int(value) for value in values] if whole else values, family


def _leave(comparison, left: Left, folder: Folder) -> None:
    """Every table and figure of a comparison."""
    import numpy as np

    from spatial import plot

    tables = {"fits": comparison.glance(), "effects": comparison.tidy(), "coefficients": comparison.coefficients(),
              "similarity": _labelled(comparison.similarity()), "residuals": comparison.residuals()}  # fmt: skip
    drawn = {"agreement": plot.agreement(comparison), "indirect": plot.by_weights(comparison, "indirect")}
    if np.isfinite(comparison.probabilities).any():
        averaged = comparison.averaged()
        left.say(averaged)
        tables |= {"averaged": averaged.tidy(), "posterior": _labelled(comparison.posterior())}
        drawn["probabilities"] = plot.probabilities(comparison)
    for name, frame in tables.items():
        folder.table(name, frame)
    for name, axes in drawn.items():
        folder.figure(name, axes)


def _labelled(frame):
    return frame.rename_axis("weights").rename_axis(columns=None).reset_index()
