"""The transactionData of a StopTransaction (OCPP 1.6 §6.49): what its keys ask for, in a frame of bounded size."""

from collections.abc import Sequence
from typing import Any

import msgspec

from cpd.domain.metering import MeterSample, SampleContext, thinned
from cpd.domain.transactions import Transaction
from cpd.domain.variables import Variables
from cpd.ocpp.v16.translate import meter_value
from cpd.station.timebase import Timebase

MOST_BYTES = 60_000
"""How large a frame may be until the central system says that it takes less."""

ENVELOPE_BYTES = 100
"""What a frame has around its payload: type, id, action."""

_encode = msgspec.json.Encoder().encode


def size_of(payload: dict[str, Any]) -> int:
    """How many bytes the frame of *payload* has, a few more at most."""
    return len(_encode(payload)) + ENVELOPE_BYTES


def with_transaction_data(
    payload: dict[str, Any],
    transaction: Transaction,
    samples: Sequence[MeterSample],
    *,
    variables: Variables,
    timebase: Timebase,
    most_bytes: int,
) -> dict[str, Any]:
    """*payload* with as many of *samples* as fit into *most_bytes*; its first and last stay longest."""
    contexts, instants_s, values = [], [], []
    for sample in samples:
        aligned = sample.context is SampleContext.CLOCK
        names = variables.names("StopTxnAlignedData" if aligned else "StopTxnSampledData")
        at = timebase.date_within(transaction.started, sample.taken)
        value = meter_value(sample, at, names)
        if value is not None:
            contexts.append(sample.context)
            instants_s.append(at.timestamp())
            values.append(value)
    sizes = [len(_encode(value)) + len(",") for value in values]
    frame = size_of(payload) + len('"transactionData":[],')
    kept = thinned(contexts, instants_s, sizes, most_bytes - frame)
    return {**payload, "transactionData": [values[place] for place in kept]} if kept else payload
