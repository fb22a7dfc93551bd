"""What a policy did, and what a change would do: here and next door."""

from qgis.core import (
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from .base import Algorithm
from .models import MODELS, add_formula, add_model, add_panel, formula_of, panel
from .units import MAP, REAL, add_fields, add_units, add_weights, formula, units, weights

GROUP = "Policies and changes"
CHANGES = {"change": "Add the amount", "to": "Raise those below the amount to it"}


class DifferenceInDifferences(Algorithm):
    NAME, TITLE, GROUP = "did", "Difference-in-differences with spillovers", GROUP
    TAGS = ("policy", "treatment", "event study")
    HELP = """What did a policy do to the units that adopted it, and to their neighbors?
    A layer of units, and a table with a row for each unit and period, in which the treatment is 0 before a unit adopts
    and 1 from then on."""

    def define(self):
        add_panel(self)
        add_fields(self, "TREATMENT", "Treatment", "0 before a unit adopts, 1 from then on.", parent="TABLE")
        add_weights(self)

    def words(self, values):
        treatment = values.field("TREATMENT")
        text, fields = formula_of(values)
        if not values.text("FORMULA") and treatment not in values.fields("REGRESSORS"):
            text = formula(values.field("OUTCOME"), [treatment, *values.fields("REGRESSORS")])
        table, *rest = panel(values, [*fields, treatment])
        return ["did", table, text, *rest, "--treatment", treatment, "-w", weights(values)]

    def initAlgorithm(self, configuration=None):
        super().initAlgorithm(configuration)
        regressors = self.parameterDefinition("REGRESSORS")  # the treatment alone will do
        regressors.setFlags(regressors.flags() | regressors.Flag.FlagOptional)


class Shock(Algorithm):
    NAME, TITLE, GROUP, SHAPES = "shock", "Map of a shock in one unit", GROUP, MAP
    TAGS = ("spillover", "multiplier", "response")
    HELP = """What does a change of a regressor in one unit do to all others?
    A model is estimated, and the layer shows every unit's response; the shocked unit has a color of its own."""

    def define(self):
        add_units(self)
        add_formula(self)
        add_fields(self, "TERM", "What changes", "One of the regressors.", optional=True)
        self.add(QgsProcessingParameterString("UNIT", "Unit that is shocked"), "Its id, or its row number.")
        self.add(QgsProcessingParameterNumber("SIZE", "Size of the change", REAL, 1.0), "Added to the regressor.")
        add_model(self)
        add_weights(self)

    def words(self, values):
        text, fields = formula_of(values)
        path, *id = units(values, fields)
        term = values.field("TERM") or (values.fields("REGRESSORS") or [""])[0]
        return ["shock", path, text, *id, "--shock", f"{values.text('UNIT')}:{term}:{values.number('SIZE'):.12g}",
                "--model", values.enum("MODEL", list(MODELS)), "-w", weights(values)]  # fmt: skip


class WhatIf(Algorithm):
    NAME, TITLE, GROUP, SHAPES = "what_if", "Map of a what-if", GROUP, MAP
    TAGS = ("scenario", "response", "spillover")
    HELP = """Change a regressor in some units, or in all, and read every unit's response with its interval.
    The reading of an estimated model, not a forecast."""

    def define(self):
        add_units(self)
        add_formula(self)
        add_fields(self, "TERM", "What changes", "One of the regressors.", optional=True)
        self.add(QgsProcessingParameterEnum("HOW", "How", list(CHANGES.values()), defaultValue=0), "What is done.")
        self.add(QgsProcessingParameterNumber("AMOUNT", "Amount", REAL, 1.0), "In units of the regressor.")
        self.add(QgsProcessingParameterString("WHERE", "Where", optional=True),
                 "Ids separated by semicolons, or FIELD=VALUE; all units where empty.")
        add_model(self)
        add_weights(self)

    def words(self, values):
        text, fields = formula_of(values)
        path, *id = units(values, fields)
        term = values.field("TERM") or (values.fields("REGRESSORS") or [""])[0]
        places = [part.strip() for part in values.text("WHERE").split(";") if part.strip()]
        return ["what-if", path, text, *id, "--term", term, f"--{values.enum('HOW', list(CHANGES))}",
                f"{values.number('AMOUNT'):.12g}", *(word for place in places for word in ("--unit", place)),
                "--model", values.enum("MODEL", list(MODELS)), "-w", weights(values)]  # fmt: skip
