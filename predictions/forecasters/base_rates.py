"""What is said before anything is known of the present: how often an event came in the past, leaning on one half.

Example: it came in 3 of 8 own windows: (3 + 1) / (8 + 2) = .4.
"""

PRIOR_WINDOWS = 1.0
"""Pseudo-windows each way: before anything is seen, the base rate is one half."""


def base_rate(happened: float, windows: float) -> float:
    """In (0, 1).  happened: of the windows in which it could be seen, 0 or above;  windows: that fit side by side"""
    return (happened + PRIOR_WINDOWS) / (windows + 2 * PRIOR_WINDOWS)
