"""The built-in central system: the independent peer of the demo and of the tests.

It is made of the `ocpp` package's own CSMS side, shares no framing, message or validation code with the
charge point, and reports whatever that does against OCPP 1.6 as a violation.
"""
