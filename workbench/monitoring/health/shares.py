"""How large a share surely is, of which only some were seen."""

from __future__ import annotations

__all__ = ["least_share"]


def least_share(found: int, seen: int, confidence: float) -> float:
    """The lower end of the exact interval (Clopper and Pearson, Biometrika 26, 1934).

    It is never above the true share more often than the confidence allows, however few were seen and however
    rare what is found: nobody is called, and nothing rolled back, by chance.
    """
    from scipy.stats import binomtest

    return float(binomtest(found, seen).proportion_ci(confidence, method="exact").low)
