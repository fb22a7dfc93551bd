"""Written by tests/stubs.py from ``spatial.indicators.__init__``."""

from .convergence import beta_convergence as beta_convergence
from .index import composite_index as composite_index
from .coordination import coupling as coupling
from .envelopment import dea as dea
from .inequality import gini as gini
from .growth import growth_table as growth_table
from .density import kernel_densities as kernel_densities
from .structure import location_quotients as location_quotients
from .productivity import malmquist as malmquist
from .productivity import malmquist_luenberger as malmquist_luenberger
from .transitions import markov as markov
from .capital import perpetual_inventory as perpetual_inventory
from .structure import rationalization as rationalization
from .convergence import sigma_convergence as sigma_convergence
from .residual import solow_residual as solow_residual
from .transitions import spatial_markov as spatial_markov
from .structure import specialization as specialization
from .frontier import stochastic_frontier as stochastic_frontier
from .envelopment import super_sbm as super_sbm
from .inequality import theil as theil
from .structure import upgrading as upgrading
