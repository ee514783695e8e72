"""A charge point without hardware, link or store: smart charging joined as the daemon joins it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cpd.domain.composite import Connector, Supply, composite_schedule, limits_at
from cpd.domain.profile_book import BookChange, ProfileBook
from cpd.domain.profiles import Capabilities, RateUnit, Refusal, check_profile
from cpd.domain.sessions import Session
from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.timestamps import parse_date_time
from cpd.ocpp.v16.translate_profiles import (
    clear_filter_from,
    composite_request_from,
    composite_to,
    profile_from,
    set_status_for,
)
from cpd.ocpp.validation import check_inbound

Payload = Mapping[str, Any]

_UNITS = {"Current": RateUnit.A, "Power": RateUnit.W}


class ChargePoint:
    """One worked case: set up from its facts, driven by its events, asked its question."""

    def __init__(self, case: Payload) -> None:
        self.now_s = seconds(case["now"])
        self.book = ProfileBook()
        self.clock_trusted: bool = case.get("clock_synced", True)
        self.capabilities = _capabilities(case.get("config", {}))
        fuse_a = case.get("charge_point", {}).get("max_current_a")
        self.supply = Supply(
            connectors=tuple(
                Connector(
                    id=one["id"],
                    phases=one["phases"],
                    voltage_v=one["voltage"],
                    max_current_ma=int(one["max_current_a"] * 1000),
                    phase_switching=one.get("phase_switching", False),
                )
                for one in case["connectors"]
            ),
            max_current_ma=None if fuse_a is None else int(fuse_a * 1000),
        )
        self.sessions: dict[int, Session] = {}
        for one in case["transactions"]:
            self.start(one["connectorId"], one["transactionId"], seconds(one["start"]))

    def call(self, action: str, payload: Payload, at_s: int) -> dict[str, Any]:
        """The answer to a CALL, or ``{"callError": code}``."""
        try:
            check_inbound(action, payload, kind="call")
            match action:
                case "SetChargingProfile":
                    return {"status": set_status_for(self._set(payload, at_s))}
                case "ClearChargingProfile":
                    return {"status": self._clear(payload)}
                case "RemoteStartTransaction":
                    return {"status": "Rejected" if self._remote_start(payload, at_s) else "Accepted"}
                case "GetCompositeSchedule":
                    return self._composite(payload, at_s)
        except CallError as error:
            return {"callError": error.code.value}
        raise AssertionError(f"no such action here: {action}")

    def happen(self, event: Payload) -> None:
        """Anything but a CALL."""
        at_s = seconds(event["at"]) if "at" in event else self.now_s
        match event["type"]:
            case "StartTransaction":
                self.start(event["connectorId"], event["transactionId"], at_s)
            case "TransactionIdAssigned":
                session = self.sessions[event["connectorId"]]
                self.sessions[session.connector] = replace(session, transaction_id=event["transactionId"])
            case "StopTransaction":
                session = self.sessions.pop(event["connectorId"])
                self.book = self.book.end_transaction(session.key).book
            case "ConnectionTimeOut":
                self.book = self.book.drop_pending(event["connectorId"])
            case "Reboot":
                resumed = event.get("resumed", [])
                self.sessions = {id: one for id, one in self.sessions.items() if id in resumed}
                self.book = self.book.after_restart([one.key for one in self.sessions.values()]).book
            case other:
                raise AssertionError(f"unknown event {other}")

    def start(self, connector: int, transaction_id: int | None, at_s: int) -> None:
        order = len(self.sessions)
        self.sessions[connector] = Session(
            connector=connector,
            key=f"local-{order}",
            transaction_id=transaction_id,
            started_at_s=at_s,
            order=order,
        )
        self.book = self.book.bind_pending(self.sessions[connector]).book

    def limits(self, at_s: int) -> dict[int, tuple[int, int]]:
        """What the scheduler would apply: mA and phases of each connector."""
        limits = limits_at(
            at_s, self.book, self.supply, self.sessions.values(), clock_trusted=self.clock_trusted
        )
        return {id: (limit.current_ma, limit.phases) for id, limit in limits.items()}

    def installed(self) -> list[list[int]]:
        return sorted([one.connector, one.profile.id] for one in self.book.profiles)

    def _set(self, payload: Payload, at_s: int) -> Refusal | None:
        connector = payload["connectorId"]
        if connector != 0 and all(one.id != connector for one in self.supply.connectors):
            raise CallError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"there is no connector {connector}")
        profile = profile_from(payload["csChargingProfiles"])
        session = self.sessions.get(connector)
        refusal = check_profile(profile, connector, self.capabilities, session)
        if refusal is not None:
            return refusal
        outcome = self.book.install(
            profile,
            connector=connector,
            received_at_s=at_s,
            max_installed=self.capabilities.max_installed,
            session=session,
        )
        return self._take(outcome)

    def _clear(self, payload: Payload) -> str:
        change = self.book.clear(clear_filter_from(payload))
        self.book = change.book
        return "Accepted" if change.removed else "Unknown"

    def _remote_start(self, payload: Payload, at_s: int) -> Refusal | None:
        if "chargingProfile" not in payload:
            return None
        profile = profile_from(payload["chargingProfile"])
        refusal = check_profile(profile, 0, self.capabilities, None, for_remote_start=True)
        if refusal is not None:
            return refusal
        outcome = self.book.hold(
            profile,
            connector=payload.get("connectorId"),
            received_at_s=at_s,
            max_installed=self.capabilities.max_installed,
        )
        return self._take(outcome)

    def _take(self, outcome: BookChange | ProfileBook | Refusal) -> Refusal | None:
        match outcome:
            case BookChange():
                self.book = outcome.book
            case ProfileBook():
                self.book = outcome
            case Refusal():
                return outcome
        return None

    def _composite(self, payload: Payload, at_s: int) -> dict[str, Any]:
        request = composite_request_from(payload)
        return composite_to(
            composite_schedule(
                at_s,
                request.duration_s,
                request.connector,
                request.unit,
                self.book,
                self.supply,
                self.sessions.values(),
                self.capabilities,
                clock_trusted=self.clock_trusted,
            )
        )


def seconds(text: str) -> int:
    return int(parse_date_time(text).timestamp())


def from_wire(payload: Payload) -> dict[str, Any]:
    """*payload* as the link hands it over: decimals exact."""
    parsed: dict[str, Any] = json.loads(json.dumps(payload), parse_float=Decimal)
    return parsed


def _capabilities(config: Payload) -> Capabilities:
    units = config.get("ChargingScheduleAllowedChargingRateUnit", "Current,Power")
    return Capabilities(
        max_stack_level=config.get("ChargeProfileMaxStackLevel", 10),
        allowed_units=tuple(_UNITS[name] for name in units.split(",")),
        max_periods=config.get("ChargingScheduleMaxPeriods", 100),
        max_installed=config.get("MaxChargingProfilesInstalled", 100),
        max_composite_duration_s=config.get("MaxCompositeScheduleDuration", 2_678_400),
    )
