"""All cases, by what is bad."""

from .cases import formulas, ids_and_order, panels, values_and_types, weights
from .files import files, geometry

ROOMS = {"ids and order": ids_and_order, "values and types": values_and_types, "weights": weights, "panels": panels,
         "formulas": formulas, "geometry": geometry, "files": files}  # fmt: skip
