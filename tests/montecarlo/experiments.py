"""The functions that draw a cell's samples, by the name that the cell has for them."""

from .cross import cross_section

EXPERIMENTS = {"cross": cross_section}
