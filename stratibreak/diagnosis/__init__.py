"""What an installation has on, what it has off, and how to mend it. Reads only; a failing question is a finding."""

from .finding import Finding
from .installation import diagnose

__all__ = ["Finding", "diagnose"]
