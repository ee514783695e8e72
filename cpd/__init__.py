"""cpd turns a Raspberry Pi into an AC charge point that speaks OCPP 1.6J."""

__version__ = "0.1.0"
