"""The functions that draw a cell's samples, by the name that the cell has for them."""

from . import nulls, others, policies, policies_conditional, policies_dose, policies_exposure, policies_switching
from .adjusted import adjusted
from .composed import composed
from .cross import cross_section
from .dynamic_endogenous import dynamic_endogenous
from .dynamic_exact import dynamic_exact
from .dynamic_turned import dynamic_turned
from .dynamics import dynamics
from .endogenous import endogenous
from .endogenous_by_period import endogenous_by_period
from .error_moments import error_moments
from .forecasts import forecasts, new_units
from .gaps import gaps
from .margins import margins
from .missing import missing
from .missing_joint import missing_joint
from .moving import moving
from .moving_several import moving_several
from .panels import dynamic_panel, panel
from .past import beside_moments, past
from .random_gaps import random_gaps
from .regimes import regimes
from .resampled import resampled_panel
from .serial import serial
from .several import several
from .several_regimes import several_regimes
from .ways import ways
from .ways_joint import ways_joint
from .weighted import weighted

EXPERIMENTS = {
    "cross": cross_section,
    "adjusted": adjusted,
    "margins": margins,
    "forecasts": forecasts,
    "new_units": new_units,
    "several": several,
    "several_regimes": several_regimes,
    "regimes": regimes,
    "missing": missing,
    "missing_joint": missing_joint,
    "moving": moving,
    "moving_several": moving_several,
    "gaps": gaps,
    "serial": serial,
    "composed": composed,
    "ways": ways,
    "ways_joint": ways_joint,
    "endogenous": endogenous,
    "endogenous_by_period": endogenous_by_period,
    "error_moments": error_moments,
    "weighted": weighted,
    "panel": panel,
    "random_gaps": random_gaps,
    "dynamic": dynamic_panel,
    "resampled": resampled_panel,
    "dynamics": dynamics,
    "dynamic_exact": dynamic_exact,
    "dynamic_endogenous": dynamic_endogenous,
    "dynamic_turned": dynamic_turned,
    "past": past,
    "beside_moments": beside_moments,
    "did": policies.did,
    "spatial_did": policies.spatial_did,
    "ring_did": policies.ring_did,
    "exposure_did": policies_exposure.exposure_did,
    "spatial_did_gaps": policies_exposure.spatial_did_gaps,
    "conditional_did": policies_conditional.conditional_did,
    "switching_did": policies_switching.switching_did,
    "dose_did": policies_dose.dose_did,
    "lm": nulls.lm,
    "restrictions": nulls.restrictions,
    "residual": nulls.residual,
    "panel_lm": nulls.panel_lm,
    "panel_effects": nulls.panel_effects,
    "panel_residuals": nulls.panel_residuals,
    "search": nulls.search,
    "moran": nulls.moran_family,
    "sigma": others.sigma,
    "chain": others.chain,
    "threshold": others.threshold,
    "no_mediation": others.no_mediation,
}
