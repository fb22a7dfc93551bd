"""Slow twins of the indicators: loops over units, as the papers write them."""

import numpy as np


def dagum(y, groups):
    """Gini, within, net between and transvariation by double sums and by d_jh and p_jh (Dagum 1997)."""
    names, n, mu = sorted(set(groups)), len(y), np.mean(y)
    by = {g: [v for v, k in zip(y, groups) if k == g] for g in names}
    total = sum(abs(a - b) for a in y for b in y) / (2 * n**2 * mu)
    within = between = trans = 0.0
    for g in names:
        own = sum(abs(a - b) for a in by[g] for b in by[g]) / (2 * len(by[g]) ** 2 * np.mean(by[g]))
        within += own * len(by[g]) / n * sum(by[g]) / (n * mu)
    for a in names:
        for b in names:
            if np.mean(by[a]) > np.mean(by[b]):
                pairs = [(u, v) for u in by[a] for v in by[b]]
                d = sum(u - v for u, v in pairs if u > v) / len(pairs)
                p = sum(v - u for u, v in pairs if v > u) / len(pairs)
                G = (d + p) / (np.mean(by[a]) + np.mean(by[b]))
                share = {k: (len(by[k]) / n, sum(by[k]) / (n * mu)) for k in (a, b)}
                weight = share[a][0] * share[b][1] + share[b][0] * share[a][1]
                between += G * weight * (d - p) / (d + p)
                trans += G * weight * (1 - (d - p) / (d + p))
    return total, within, between, trans


def markov_counts(classes, k, lag=None):
    """Counts (k, k), or by the lag's class (k, k, k), of classes (T, N)."""
    counts = np.zeros((k, k) if lag is None else (k, k, k), dtype=int)
    for t in range(len(classes) - 1):
        for i in range(len(classes[0])):
            step = classes[t][i], classes[t + 1][i]
            counts[step if lag is None else (lag[t][i], *step)] += 1
    return counts
