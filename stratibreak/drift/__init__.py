"""Drift: what somebody changed in the database by hand.

What the database should be is not written down a second time. The migrations are applied to a scratch database on the
same server, the rights are brought in as after every migrate, and then the two catalogues are compared in the words of
the server (pg_get_constraintdef and its like). Comparing with what Django's schema editor would print was weighed: it
knows neither our functions, triggers, policies and grants nor how the server rewrites an expression, so every CHECK
would need a normaliser of its own. The price is some seconds and the right to make a database, which the owner has.
"""

from .catalogue import Catalogue, Part, read_catalogue
from .comparison import Difference, differences
from .models import schema_differences
from .scratch import ScratchUnavailable, connection_to, expected_catalogue

__all__ = [
    "Catalogue",
    "Difference",
    "Part",
    "ScratchUnavailable",
    "connection_to",
    "differences",
    "expected_catalogue",
    "read_catalogue",
    "schema_differences",
]
