"""All repositories over one connection."""

import sqlite3
from dataclasses import dataclass
from typing import Self

from cpd.storage.audit import SqliteAudit
from cpd.storage.authorizations import SqliteAuthorizationCache
from cpd.storage.availability import SqliteAvailability
from cpd.storage.diagnostics import SqliteDiagnostics
from cpd.storage.file_statuses import SqliteFileStatuses
from cpd.storage.firmware import SqliteFirmware
from cpd.storage.journal import SqliteJournal
from cpd.storage.local_limits import SqliteLocalLimits
from cpd.storage.local_list import SqliteLocalList
from cpd.storage.machine import SqliteMachine
from cpd.storage.profiles import SqliteProfiles
from cpd.storage.registers import SqliteRegisters
from cpd.storage.reservations import SqliteReservations
from cpd.storage.transaction_samples import SqliteTransactionSamples
from cpd.storage.transactions import SqliteTransactions
from cpd.storage.variables import SqliteVariables


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteRepositories:
    """A `cpd.station.repositories.Repositories`; to be used on the connection's thread only."""

    profiles: SqliteProfiles
    transactions: SqliteTransactions
    journal: SqliteJournal
    variables: SqliteVariables
    authorizations: SqliteAuthorizationCache
    local_list: SqliteLocalList
    availability: SqliteAvailability
    audit: SqliteAudit
    machine: SqliteMachine
    local_limits: SqliteLocalLimits
    transaction_samples: SqliteTransactionSamples
    registers: SqliteRegisters
    reservations: SqliteReservations
    firmware: SqliteFirmware
    diagnostics: SqliteDiagnostics
    file_statuses: SqliteFileStatuses

    @classmethod
    def over(cls, connection: sqlite3.Connection) -> Self:
        """The repositories of *connection*, which keep no state of their own."""
        return cls(
            profiles=SqliteProfiles(connection),
            transactions=SqliteTransactions(connection),
            journal=SqliteJournal(connection),
            variables=SqliteVariables(connection),
            authorizations=SqliteAuthorizationCache(connection),
            local_list=SqliteLocalList(connection),
            availability=SqliteAvailability(connection),
            audit=SqliteAudit(connection),
            machine=SqliteMachine(connection),
            local_limits=SqliteLocalLimits(connection),
            transaction_samples=SqliteTransactionSamples(connection),
            registers=SqliteRegisters(connection),
            reservations=SqliteReservations(connection),
            firmware=SqliteFirmware(connection),
            diagnostics=SqliteDiagnostics(connection),
            file_statuses=SqliteFileStatuses(connection),
        )
