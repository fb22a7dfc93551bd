"""Example maps and panels, each with its origin, licence and checksum in SOURCES.md."""

from .catalogue import list, load, load_panel

__all__ = ["list", "load", "load_panel"]
