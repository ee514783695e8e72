"""What the configuration file says of the hardware, and how any table of it is read: types, mistakes, remedies.

The guard process reads these tables only; `cpd` reads the same file, with its own tables beside them.
"""

from hal.settings.loading import GuardSettings, load_guard_settings

__all__ = ["GuardSettings", "load_guard_settings"]
