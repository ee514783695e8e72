"""The configuration file: read once at the start, every mistake told with its place, allowed range and remedy."""

from cpd.settings.loading import load_settings
from cpd.settings.tables import Settings

__all__ = ["Settings", "load_settings"]
