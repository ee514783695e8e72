"""Hypothesis: the same examples on every run, so that a failure is a change's; other ones are asked for by hand.

``pytest --hypothesis-profile=exploring`` looks for examples that nobody has seen.
"""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None)
settings.load_profile("repeatable")
