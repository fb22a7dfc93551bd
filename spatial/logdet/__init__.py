"""log|I - rho W| and its derivatives: one protocol, the method chosen by size and structure.

All that the estimators and the effects use of W's spectrum::

    L(rho)  =  log|I - rho W|
    L'(rho) = -tr[W (I - rho W)^-1]
    L''(rho)= -tr[(W (I - rho W)^-1)^2]

so that tr (I - rho W)^-1 = n - rho L'(rho) needs no inverse. Every method offers ``interval``, ``value``, ``d1``,
``d2``, ``near(lo, hi)`` (exact over a short interval, ``domain``) and ``coarse`` (cheap everywhere). Results are
cached by the content of W.

Sources: Ord (1975, JASA 70:120-126) for the eigenvalues; LeSage & Pace (2009) ch. 4 for the interval of rho.
"""

from __future__ import annotations

from .asymmetric import Asymmetric, asymmetric
from .choose import METHODS, logdet, spectrum_of
from .exact import Cholmod
from .factorised import Factorised, Window
from .jacobian import Jacobian
from .marginal import Marginal
from .means import InverseOfDeviations, OfMeans, of_means
from .periods import Sum, period_logdet
from .projected import Projected, projected_logdet, refuse_many_units
from .quadrature import Quadrature, quadrature
from .spectrum import Spectrum
from .structure import admissible_interval, extreme_interval, similar, symmetrizer

__all__ = [
    "METHODS", "Asymmetric", "Cholmod", "Factorised", "InverseOfDeviations", "Jacobian", "Marginal", "OfMeans",
    "Projected", "Quadrature", "Spectrum", "Sum", "Window",
    "admissible_interval", "asymmetric", "extreme_interval", "logdet", "of_means", "period_logdet", "projected_logdet",
    "quadrature", "refuse_many_units", "similar", "spectrum_of", "structure", "symmetrizer",
]  # fmt: skip
