"""Markov chains: where shares settle, and how long it takes to get from one class to another."""

from __future__ import annotations

import numpy as np


def transition_probabilities(counts: np.ndarray) -> np.ndarray:
    """Rows as shares of their sums; NaN for a class nobody was in."""
    sums = counts.sum(axis=-1, keepdims=True)
    return np.divide(counts, sums, out=np.full(counts.shape, np.nan), where=sums > 0)


def steady_state(P: np.ndarray) -> np.ndarray:
    """pi = pi P with sum 1; NaN where the chain has none, or more than one."""
    k = len(P)
    if np.isnan(P).any():
        return np.full(k, np.nan)
    equations = np.vstack([P.T - np.eye(k), np.ones(k)])
    solution, _, rank, _ = np.linalg.lstsq(equations, np.append(np.zeros(k), 1.0), rcond=None)
    return solution if rank == k else np.full(k, np.nan)


def passage_times(P: np.ndarray) -> np.ndarray:
    """Mean number of steps to first reach j from i (Kemeny & Snell 1976, theorem 4.4.7): on the diagonal, to return.

        M = (I - Z + E Z_dg) D,  Z = (I - P + 1 pi')^-1,  D = diag(1 / pi)

    NaN for classes that are not reached for ever.
    """
    pi, k = steady_state(P), len(P)
    if np.isnan(pi).any():
        return np.full((k, k), np.nan)
    Z = np.linalg.inv(np.eye(k) - P + pi)
    lasting = pi > 1e-12
    D = np.divide(1.0, pi, out=np.full(k, np.nan), where=lasting)
    return (np.eye(k) - Z + np.diag(Z)) * D
