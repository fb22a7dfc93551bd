"""Which loops work on unmatched edges: numpy for few, compiled ones for many, with the same functions in both."""

from __future__ import annotations

from importlib import import_module

COMPILED_FROM = 20_000  # edges; below, numpy is faster than loading compiled code


def compiled(size: int) -> bool:
    return size >= COMPILED_FROM


def loops(size: int):
    """The module for so many edges."""
    name = "joined_kernels" if compiled(size) else "joined_arrays"
    return import_module(f"{__package__}.{name}")
