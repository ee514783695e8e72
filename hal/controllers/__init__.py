"""Self-contained EVSE controllers on a serial line: they make pilot and contactor themselves, cpd permits."""
