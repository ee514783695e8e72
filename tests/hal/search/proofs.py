"""Where each safety invariant is proved: by the search, and by tests where something outside the machine carries it.

Those of serial controllers (31 to 33) belong to hardware that this release does not drive.
"""

from collections.abc import Mapping
from types import MappingProxyType

SEARCH = "tests.hal.search.test_search:test_no_reachable_state_breaks_an_invariant"

PROOFS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        1: (
            SEARCH,
            "tests.hal.test_sequences:test_a_vehicle_that_leaves_c_is_opened_within_the_budget_with_the_offer_standing",
        ),
        2: (SEARCH, "tests.hal.test_sequences:test_a_lapsed_lease_withdraws_in_order"),
        3: (
            SEARCH,
            "tests.hal.test_faults:test_an_opening_fault_opens_while_charging_and_holds_against_the_offer",
        ),
        4: ("tests.hal.test_heartbeat:test_a_guard_that_stops_at_any_instant_lets_the_interlock_open",),
        5: (SEARCH, "tests.hal.test_sequences:test_unplugging_while_charging_opens_within_the_budget"),
        6: (SEARCH, "tests.hal.test_machine:test_leaving_c_opens_in_the_same_step"),
        7: (SEARCH, "tests.hal.test_machine:test_it_does_not_close_while"),
        8: (
            SEARCH,
            "tests.hal.test_sequences:test_an_offer_brings_pwm_then_c_then_a_closed_contactor_within_3_s",
        ),
        9: (
            SEARCH,
            "tests.hal.test_iec61851:test_duty_stays_between_10_and_96_percent_and_never_falls_with_a_rising_current",
        ),
        10: (SEARCH, "tests.hal.test_iec61851:test_no_current_is_ever_offered_above_what_was_asked_for"),
        11: (
            SEARCH,
            "tests.hal.test_iec61851:test_a_current_that_cannot_be_advertised_is_refused_with_the_range",
        ),
        12: (SEARCH, "tests.hal.test_sequences:test_the_offer_never_exceeds_cable_and_hardware"),
        13: (
            SEARCH,
            "tests.hal.test_sequences:test_a_decrease_is_on_the_wire_at_once_and_an_increase_5_s_after_the_last_one",
        ),
        14: (
            SEARCH,
            "tests.hal.test_sequences:test_a_vehicle_that_stays_in_c_is_opened_6_s_after_the_pwm_stopped",
        ),
        15: (SEARCH, "tests.hal.test_phases:test_phases_change_only_while_open_and_after_a_pause"),
        16: (
            SEARCH,
            "tests.hal.test_sequences:test_the_plug_is_released_on_request_once_open_and_rests_until_a_new_offer",
        ),
        17: (SEARCH, "tests.hal.test_faults:test_a_weld_is_latched_within_a_second_and_survives_a_kill"),
        18: (SEARCH, "tests.hal.test_faults:test_a_contactor_that_does_not_close_is_tried_three_times"),
        19: (
            SEARCH,
            "tests.hal.test_faults:test_an_over_drawing_vehicle_is_stopped_after_7_s",
            "tests.hal.test_faults:test_a_slow_vehicle_that_follows_within_5_s_is_never_over_current",
        ),
        20: (
            "tests.hal.test_any_sequence:test_no_sequence_of_events_makes_an_outlet_unsafe_or_leaves_it_useless",
            "tests.hal.test_mock_world:test_the_meter_starts_at_0_and_counts_volts_times_amperes",
            "tests.hal.test_mock_world:test_what_was_reported_survives_a_kill",
        ),
        21: (SEARCH, "tests.hal.test_machine:test_a_hot_outlet_offers_less"),
        22: (SEARCH, "tests.hal.test_machine:test_a_closed_contactor_found_at_the_start_is_never_adopted"),
        23: (
            SEARCH,
            "tests.hal.test_faults:test_a_latched_fault_outlives_its_cause_and_is_cleared_by_an_unplug",
        ),
        24: (SEARCH, "tests.hal.test_sequences:test_ventilation_is_given_only_where_there_is_some"),
        25: (SEARCH, "tests.hal.test_sequences:test_the_rate_of_closes_is_limited"),
        26: (SEARCH, "tests.hal.test_sequences:test_a_full_vehicle_is_woken_once_only"),
        27: (SEARCH, "tests.hal.test_faults:test_a_fault_shows_f_for_more_than_300_ms_and_x1_then"),
        28: (SEARCH, "tests.test_imports:test_only_the_clock_knows_what_time_it_is"),
        29: (
            SEARCH,
            "tests.hal.test_sequences:test_leaving_the_guard_opens_everything",
            "tests.hal.test_guard:test_a_bug_makes_the_outlet_safe_and_ends_the_body",
            "tests.hal.test_guard:test_a_slow_reader_loses_superseded_telemetry_but_no_fault_and_no_state",
        ),
        30: (SEARCH, "tests.hal.test_machine:test_any_input_leaves_a_settled_state_that_is_safe"),
    }
)
