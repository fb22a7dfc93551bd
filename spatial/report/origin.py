"""What results were made of, in a line: fingerprints of data and W."""

from __future__ import annotations

from collections.abc import Mapping


def origin(result) -> str:
    """With the same fingerprints, and the same version, it is the same result."""
    built = result.provenance
    prints = ({} if built.data is None else {"data": built.data}) | built.weights
    return ", ".join(f"{name} {print_}" for name, print_ in prints.items())


def origins(results) -> str:
    """Versions once, and every data set and W of one result, a list of them or a dict by name."""
    listed = results.values() if isinstance(results, Mapping) else results
    listed = list(listed) if isinstance(results, list | tuple | Mapping) else [results]
    built = [result for result in listed if hasattr(result, "provenance")]
    versions = dict.fromkeys(f"spillover {result.provenance.versions['spillover']}" for result in built)
    return f"Provenance: {'; '.join([*versions, *dict.fromkeys(map(origin, built))])}."
