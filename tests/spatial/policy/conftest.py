"""Panels with known effects."""

import numpy as np
import pandas as pd
import pytest


def staggered(rng, N=24, T=7, noise=1.0, effect=lambda g, k: 1.0, x=0.5):
    """Units adopt in period 3, 5 or never; rows shuffled, names Chinese, ids zero-padded."""
    first = np.array([3, 5, T])[np.arange(N) % 3]
    t = np.arange(T)[:, None]
    D = (t >= first).astype(float)
    tau = np.array([[effect(g, s - g) if s >= g else 0.0 for g in first] for s in range(T)])
    X = rng.standard_normal((T, N))
    y = rng.standard_normal(N) + rng.standard_normal((T, 1)) + tau + x * X + noise * rng.standard_normal((T, N))
    frame = pd.DataFrame({
        "省份": np.tile([f"{i:03d}" for i in range(N)], T), "年份": np.repeat(2000 + np.arange(T), N),
        "产出": y.ravel(), "政策": D.ravel(), "开放": X.ravel(), "人口": rng.uniform(1, 5, N * T),
        "区域": np.tile(np.where(np.arange(N) % 2, "东", "西"), T),
    })  # fmt: skip
    return frame.sample(frac=1, random_state=3).reset_index(drop=True)


@pytest.fixture
def frame():
    return staggered(np.random.default_rng(4))
