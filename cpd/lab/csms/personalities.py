"""The central systems that the field knows, as data: how each answers, and what it does by itself."""

from collections.abc import Mapping
from types import MappingProxyType

from ocpp.v16.enums import Action, AuthorizationStatus, RegistrationStatus

from cpd.lab.csms import acts, set_ups
from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.personality import Hurry, Keys, Personality, Sessions
from cpd.lab.names import find

_OFFLINE: Keys = MappingProxyType({"AllowOfflineTxForUnknownId": True})
_DEAF = Behaviour(reactions={action.value: Reaction(silent=True) for action in Action})
_THINKS = {message.__name__: Reaction(delay_s=0.5) for message in acts.CROSSED}


def _refusing(status: int, about: str, seen_in: str) -> Personality:
    return Personality(
        name=f"csms-{status}",
        about=about,
        seen_in=seen_in,
        copes="says what the answer means, dials less and less often, and books what it charged meanwhile",
        behaviour=Behaviour(upgrade_status=status),
        refuses=True,
        keys=_OFFLINE,
    )


_TABLE = (
    Personality(
        name="csms-plain",
        about="answers everything well",
        seen_in="the specification",
        copes="books each session once",
    ),
    Personality(
        name="csms-no-zone",
        about="tells the time without a zone",
        seen_in="MicroOcpp, mobilityhouse/ocpp",
        copes="takes the time for UTC",
        behaviour=Behaviour(clock_format="%Y-%m-%dT%H:%M:%S.%f"),
    ),
    Personality(
        name="csms-tx0",
        about="calls transactions 0, and wants none",
        seen_in="OCPP.Core",
        copes="stops charging, and sends the StopTransaction with the number as it was given",
        behaviour=Behaviour(transaction_ids=(0, -1, 0, -1), start_status=AuthorizationStatus.concurrent_tx),
        sessions=Sessions.DEAUTHORISED,
    ),
    Personality(
        name="csms-int-id",
        about="its CALLs have numbers for ids",
        seen_in="open-ocpp",
        copes="answers each with a CALLERROR that says so, and goes on",
        behaviour=Behaviour(numeric_ids=True),
        acts=acts.ask_with_numeric_ids,
    ),
    Personality(
        name="csms-capitals",
        about="writes members with capital letters",
        seen_in="open-ocpp",
        copes="names the member that is missing, and ignores the ones that it does not know",
        acts=acts.ask_in_capitals,
    ),
    Personality(
        name="csms-no-start",
        about="sends Absolute profiles without start",
        seen_in="EVerest",
        copes="counts them from the start of the transaction",
        acts=acts.limit_without_start,
    ),
    Personality(
        name="csms-evcc",
        about="sets much up at once, as evcc does",
        seen_in="evcc",
        copes="is set up within 5 s over one link",
        acts=set_ups.set_up_as_evcc,
    ),
    Personality(
        name="csms-ha",
        about="starts remotely, with unlisted idTags",
        seen_in="Home Assistant OCPP",
        copes="starts it all the same where AuthorizeRemoteTxRequests is false",
        behaviour=Behaviour(
            unknown_tags=AuthorizationStatus.invalid, start_status=AuthorizationStatus.accepted
        ),
        acts=set_ups.set_up_as_home_assistant,
        sessions=Sessions.REMOTE,
        keys=MappingProxyType({"AuthorizeRemoteTxRequests": False}),
    ),
    Personality(
        name="csms-aws-2h",
        about="closes each link after 2 hours",
        seen_in="go-e",
        copes="dials again without a new BootNotification, and the limit stays as it is",
        behaviour=Behaviour(closes_after_s=(7_200.0,), close_code=1001),
        keys=_OFFLINE,
        hurry=Hurry(
            words="the first links last 4 s instead of 2 h here",
            behaviour=Behaviour(closes_after_s=(4.0, 4.0, 7_200.0), close_code=1001),
        ),
    ),
    Personality(
        name="csms-hangs-up",
        about="hangs up after the handshake",
        seen_in="MicroOcpp",
        copes="dials steadily",
        behaviour=Behaviour(closes_after_s=(0.0, 0.0, 900.0)),
        keys=_OFFLINE,
    ),
    _refusing(404, "answers HTTP 404 to the WebSocket", "OpenEVSE"),
    _refusing(401, "answers HTTP 401 to the WebSocket", "SteVe"),
    _refusing(500, "answers HTTP 500 to the WebSocket", "SteVe"),
    Personality(
        name="csms-no-subprotocol",
        about="does not speak ocpp1.6",
        seen_in="CitrineOS, SteVe",
        copes="hangs up and says so, and books later what it charged meanwhile",
        behaviour=Behaviour(subprotocol=None),
        refuses=True,
        keys=_OFFLINE,
    ),
    Personality(
        name="csms-silent",
        about="answers pings, and no CALL",
        seen_in="SmartEVSE",
        copes="is never called online, and redialled within 3 minutes",
        behaviour=_DEAF,
        refuses=True,
        keys=_OFFLINE,
        hurry=Hurry(words="an answer is waited for 2 s instead of 30 s here", answer_timeout_s=2.0),
    ),
    Personality(
        name="csms-stop-hater",
        about="refuses each StopTransaction",
        seen_in="OpenEVSE",
        copes="keeps it as a dead letter after the last try, and delivers what comes behind it",
        behaviour=Behaviour(reactions={"StopTransaction": Reaction(error="InternalError")}),
        hurry=Hurry(
            words="2 tries 1 s apart instead of 3 tries a minute and more apart here",
            keys=MappingProxyType({"TransactionMessageAttempts": 2, "TransactionMessageRetryInterval": 1}),
        ),
    ),
    Personality(
        name="csms-16k",
        about="hangs up on frames above 16 kB",
        seen_in="Java-OCA-OCPP, AWS",
        copes="sends the StopTransaction again with fewer samples, but the first and the last",
        behaviour=Behaviour(most_characters=16_384),
        keys=MappingProxyType(
            {
                **_OFFLINE,
                "MeterValueSampleInterval": 10,
                "StopTxnSampledData": "Energy.Active.Import.Register,Current.Import,Voltage",
            }
        ),
        hurry=Hurry(
            words="a frame may have 2.5 kB instead of 16 kB here",
            behaviour=Behaviour(most_characters=2_500),
            keys=MappingProxyType({"MeterValueSampleInterval": 1}),
        ),
    ),
    Personality(
        name="csms-pending0",
        about="registers nobody, and says interval 0",
        seen_in="SAP e-mobility simulator",
        copes="asks again after a minute of its own, and sends nothing else",
        behaviour=Behaviour(registration=RegistrationStatus.pending, interval_s=0),
        refuses=True,
        keys=_OFFLINE,
    ),
    Personality(
        name="csms-clearcache",
        about="clears the cache at the worst time",
        seen_in="MicroOcpp",
        copes="clears its cache, and no transaction",
        behaviour=Behaviour(upgrade_status=503),
        acts=acts.clear_the_cache,
        refuses=True,
        keys=_OFFLINE,
    ),
    Personality(
        name="csms-diag-any",
        about="wants diagnostics sent to nowhere",
        seen_in="OpenEVSE, MicroOcpp",
        copes="says UploadFailed once for each",
        acts=acts.want_diagnostics_anywhere,
    ),
    Personality(
        name="csms-double",
        about="asks twice at once, and in between",
        seen_in="CitrineOS",
        copes="answers both, and takes its own answers as they come",
        behaviour=Behaviour(
            reactions={action: Reaction(delay_s=1.0) for action in ("StartTransaction", "StopTransaction")}
        ),
        acts=acts.ask_two_at_once,
    ),
    Personality(
        name="csms-one-slot",
        about="forgets a CALL that crosses its own",
        seen_in="home-made central systems",
        copes="answers at once, and sends its own again",
        behaviour=Behaviour(reactions=_THINKS, crossed=Reaction(silent=True)),
        acts=acts.cross,
        hurry=Hurry(
            words="an answer is waited for 2 s instead of 30 s here, the next try comes after 1 s",
            keys=MappingProxyType({"TransactionMessageRetryInterval": 1}),
            answer_timeout_s=2.0,
        ),
    ),
)

PERSONALITIES: Mapping[str, Personality] = MappingProxyType({one.name: one for one in _TABLE})
"""Every personality by its name, in the order in which they are listed."""


def find_csms(name: str) -> Personality:
    """The personality called *name*, with or without its prefix; raises `cpd.lab.names.UnknownName`."""
    return find(name, PERSONALITIES, prefixes=("csms-",), what="central system")
