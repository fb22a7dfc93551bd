"""Regressions with spillovers: of a layer, of a panel, under several weights."""

from qgis.core import (
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterString,
)

from .base import Algorithm
from .units import ANY, MAP, TABLE, WEIGHTS, add_fields, add_units, add_weights, formula, units, weights

MODELS = {
    "sdm": "Spatial Durbin (SDM): lags of the outcome and of the regressors", "sar": "Spatial lag (SAR)",
    "sem": "Spatial error (SEM)", "sdem": "Durbin error (SDEM)", "slx": "Lagged regressors (SLX)",
    "sac": "Lag and error (SAC)", "ols": "Least squares",
}  # fmt: skip
EFFECTS = {"twoway": "Of units and periods", "entity": "Of units", "time": "Of periods", "random": "Random",
           "none": "None"}  # fmt: skip
GROUP = "Models"


def add_formula(algorithm, parent="INPUT"):
    """Outcome and regressors, or a formula."""
    add_fields(algorithm, "OUTCOME", "Outcome", "What is explained.", parent=parent)
    add_fields(algorithm, "REGRESSORS", "Regressors", "What explains it.", several=True, parent=parent)
    algorithm.add(QgsProcessingParameterString("FORMULA", "Formula", optional=True),
                  "Instead of the fields above, such as log(y) ~ log(x) + z.", advanced=True)  # fmt: skip


def formula_of(values):
    """The formula, and the fields that it must find."""
    if values.text("FORMULA"):
        return values.text("FORMULA"), []
    outcome, terms = values.field("OUTCOME"), values.fields("REGRESSORS")
    return formula(outcome, terms), [outcome, *terms]


def add_model(algorithm):
    algorithm.add(QgsProcessingParameterEnum("MODEL", "Model", list(MODELS.values()), defaultValue=0),
                  "The Durbin model nests lag, error and lagged regressors.")  # fmt: skip


class Regression(Algorithm):
    NAME, TITLE, GROUP, SHAPES = "regression", "Spatial regression with effects", GROUP, MAP
    TAGS = ("SDM", "SAR", "SEM", "spillover", "direct and indirect effects")
    HELP = """A spatial regression and its direct, indirect and total effects with intervals.
    Coefficients of a model with a spatial lag are not effects: the report shows effects. The layer shows what a rise in
    each unit does to all others; its other styles show what each unit gets from the others, and its own effect."""

    def define(self):
        add_units(self)
        add_formula(self)
        add_model(self)
        add_weights(self)

    def words(self, values):
        text, fields = formula_of(values)
        path, *id = units(values, fields)
        return ["effects", path, text, *id, "--model", values.enum("MODEL", list(MODELS)), "-w", weights(values)]


def add_panel(algorithm):
    """A layer of units, and a table with a row for each unit and period."""
    add_units(algorithm)
    algorithm.add(QgsProcessingParameterFeatureSource("TABLE", "Table", [TABLE]), "One row per unit and period.")
    add_fields(algorithm, "ENTITY", "Field of the table that names the units", "With the ids of the layer.",
               parent="TABLE", type=ANY)
    add_fields(algorithm, "TIME", "Field of the table that names the periods", "Years, for instance.", parent="TABLE",
               type=ANY)
    add_formula(algorithm, parent="TABLE")
    algorithm.add(QgsProcessingParameterBoolean("UNMATCHED", "Leave out units without a partner", False),
                  "Else units of only the table or only the layer are an error.", advanced=True)  # fmt: skip


def panel(values, fields):
    """The words for table, layer and their keys, and the formula."""
    entity, time = values.field("ENTITY"), values.field("TIME")
    path, *id = units(values)
    words = [values.table("TABLE", [entity, time, *fields]), "--map", path, *id, "--panel", f"{entity},{time}"]
    return words + ["--allow-unmatched"] * values.flag("UNMATCHED")


class Panel(Algorithm):
    NAME, TITLE, GROUP, SHAPES = "panel", "Panel Durbin model from a layer and a table", GROUP, MAP
    TAGS = ("panel data", "fixed effects", "SDM", "spillover")
    HELP = """A spatial panel model: units in a layer, their values by period in a table.
    Fixed effects of units and periods are taken out with the correction of Lee and Yu (2010). The report has direct,
    indirect and total effects; the layer shows what a rise in each unit does to all others."""

    def define(self):
        add_panel(self)
        add_model(self)
        self.add(QgsProcessingParameterEnum("EFFECTS", "Fixed effects", list(EFFECTS.values()), defaultValue=0),
                 "What is taken out, or random.")  # fmt: skip
        add_weights(self)

    def words(self, values):
        text, fields = formula_of(values)
        table, *rest = panel(values, fields)
        return ["effects", table, text, *rest, "--model", values.enum("MODEL", list(MODELS)),
                "--effects", values.enum("EFFECTS", list(EFFECTS)), "-w", weights(values)]  # fmt: skip


class CompareWeights(Algorithm):
    NAME, TITLE, GROUP = "compare", "Compare weights", GROUP
    TAGS = ("which W", "posterior probability", "robustness")
    HELP = """The same model under several weights: which do the data prefer, and does the spillover hold under all?
    Weights are named as in the command, separated by semicolons: queen; rook; knn:k=5."""

    def define(self):
        add_units(self)
        add_formula(self)
        add_model(self)
        self.add(QgsProcessingParameterString("SEVERAL", "Weights", "queen; rook; knn:k=5"),
                 "Separated by semicolons: " + ", ".join(list(WEIGHTS)[:-1]) + ", or files.")  # fmt: skip

    def words(self, values):
        text, fields = formula_of(values)
        path, *id = units(values, fields)
        each = [part.strip() for part in values.text("SEVERAL").split(";") if part.strip()]
        return ["compare", path, text, *id, "--model", values.enum("MODEL", list(MODELS)),
                *(word for part in each for word in ("-w", part))]  # fmt: skip
