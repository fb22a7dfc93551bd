"""Deliberate mistakes that an editor must underline: each marked line must be an error of that kind, no other line."""
# ruff: noqa

import shapefiles
import spatial as sp
import spillover
import weights as wt

states = shapefiles.load("us_states")
panel = shapefiles.load_panel("us_states")
w = wt.queen(states).standardize("row")
fit = sp.sdm("gsp ~ emp", panel, w, entity="state", time="year")
sp.sdm("gsp ~ emp", panel, w, enttity="state", time="year")  # error: call-arg
sp.sdmm("gsp ~ emp", panel, w)  # error: attr-defined
fit.effcts()  # error: attr-defined
fit.rho + 1.0
w.standardise("row")  # error: attr-defined
sp.moran("unemp", w, data=panel, permutation=99)  # error: call-arg
spillover.as_weights(w).ids
spillover.as_weight(w)  # error: attr-defined
sp.indicators.theil
sp.indicators.theill  # error: attr-defined
