//! What every provider must do, as checks that anyone who writes one can run.
//!
//! A [`Place`] says where a store lies and what may be done to it; [`crate::provider_conformance`] makes a test of every
//! check. A check takes a new, empty store and fails with a sentence; its name begins with the number of the promise.
//! What a place declines is a gap with a reason. [`ITEMS`] says which checks show which promise, and which promises this
//! contract does not make. `docs/conformance.md` is the manual.

mod append;
#[cfg(test)]
mod broken;
mod catalog;
mod crash;
mod deletion;
mod faults;
mod handles;
mod identity;
mod items;
mod kit;
mod life;
mod model;
mod place;
mod replay;
mod run;
#[cfg(test)]
mod shipped;
mod smoke;
mod snapshots;
mod table;
mod waiting;

use futures_util::future::BoxFuture;

pub use items::{Bearing, ITEMS, Item};
pub use kit::{Check, Failure, MakePlace, Subject};
pub use place::{Fault, Faults, Handles, Hold, Offer, Place, Space};
pub use run::{Outcome, prove, run_check};
pub use table::{Column, Table};

/// A check: its name, and what runs it.
pub type NamedCheck = (&'static str, fn(Subject) -> BoxFuture<'static, Check>);

/// Hands what it is given, and the path of every check, to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_conformance_check {
    ($callback:path, $($given:tt)*) => {
        $callback! {
            { $($given)* }
            identity::p1_replay_of_an_unknown_actor_is_empty_and_no_error,
            identity::p2_an_unknown_actor_has_no_snapshot,
            identity::p3_events_and_snapshots_of_two_actors_are_independent,
            identity::p5_any_key_round_trips_and_stays_distinct,
            identity::p5_an_address_that_is_not_the_frames_is_refused,
            identity::p6_an_event_and_a_snapshot_may_have_the_same_number,
            append::p8_p9_the_first_event_is_number_one_and_each_append_returns_the_last,
            append::p10_p11_an_acknowledged_frame_is_readable_at_once_and_unchanged,
            append::p14_p15_a_gap_is_refused_with_expected_and_actual,
            append::p14_a_frame_that_does_not_follow_its_expected_number_is_rejected,
            append::p17_p20_a_conflict_carries_both_numbers_and_changes_nothing,
            append::p21_of_concurrent_appends_at_one_number_exactly_one_wins,
            append::p23_a_repeated_append_succeeds_and_is_stored_once,
            append::p23_a_repetition_of_a_queued_append_succeeds,
            append::p26_concurrent_appends_to_many_actors_stay_contiguous,
            append::p27_appends_of_one_actor_are_acknowledged_in_order,
            append::p30_p31_a_frame_over_the_limit_is_rejected_and_one_at_it_is_stored,
            append::p34_the_head_waits_for_appends_queued_before_it,
            replay::p38_to_p46_bounds_are_inclusive_and_without_a_sentinel,
            replay::p47_the_end_is_told_once_and_for_ever,
            replay::p48_two_replays_are_identical_whatever_the_batch_size,
            replay::p49_p50_a_batch_is_about_as_large_as_asked_for,
            replay::p53_a_reader_during_appends_sees_a_prefix_without_a_hole,
            deletion::p60_to_p63_deleting_hides_a_prefix_and_nothing_else,
            deletion::p64_deleting_beyond_the_head_does_not_block_appends,
            deletion::p65_p66_deleting_nothing_or_twice_is_harmless,
            deletion::p67_to_p70_bounds_around_a_deleted_prefix,
            deletion::p72_uncovered_events_are_deleted_only_by_force,
            deletion::a_deletion_that_overtakes_a_reader_is_an_error_and_no_hole,
            snapshots::p77_to_p81_the_newest_at_or_below_a_number_is_loaded,
            snapshots::p82_saving_at_the_same_number_replaces,
            snapshots::p83_p85_deleting_one_makes_the_previous_the_newest,
            snapshots::p86_p88_sizes_and_bytes_round_trip_up_to_the_limit,
            snapshots::p87_what_a_snapshot_says_of_itself_round_trips,
            snapshots::p93_a_snapshot_ahead_of_its_journal_is_refused,
            catalog::records_are_replaced_listed_by_prefix_and_deleted,
            catalog::p107_actors_are_listed_by_key_in_pages,
            catalog::wakes_follow_the_newest_frame,
            deletion::p73_an_archive_sees_events_before_they_are_deleted_and_its_failure_keeps_them,
            deletion::p75_space_of_deleted_events_is_given_back,
            replay::p49_a_million_events_are_read_in_bounded_batches,
            replay::p50_nothing_is_read_ahead_of_what_is_asked_for,
            replay::p51_empty_ranges_of_deletions_do_not_stall_a_bounded_read,
            replay::p52_abandoned_reads_take_nothing_with_them,
            identity::p36_numbers_above_2_to_the_53_are_not_rounded,
            handles::p10_p22_two_handles_see_one_store_and_still_conflict,
            handles::p35_a_writer_that_fell_behind_is_refused,
            handles::p103_a_second_handle_sees_the_store_or_is_refused,
            life::p103_a_closed_store_refuses_everything_and_closes_twice,
            life::p25_everything_is_there_after_close_and_open,
            life::p104_a_store_of_a_newer_format_is_refused_untouched,
            waiting::p33_p52_an_append_that_nobody_waits_for_is_stored_all_the_same,
            waiting::p34_nothing_is_visible_or_acknowledged_before_it_is_stored,
            waiting::p96_a_snapshot_is_seen_once_it_is_saved_and_not_before,
            faults::p13_p28_a_turn_is_stored_whole_or_not_at_all_whatever_fails,
            faults::p20_p29_a_failure_is_no_refusal_and_leaves_the_journal_as_it_was,
            faults::p91_a_snapshot_that_fails_leaves_the_earlier_ones,
            faults::p100_what_is_acknowledged_after_a_failure_is_kept,
            faults::p106_a_store_that_failed_answers_at_once_and_works_after_reopening,
            faults::p101_a_full_disk_refuses_and_works_again_after_space_returns,
            faults::p56_a_read_that_fails_is_an_error_and_not_the_end,
            faults::p55_a_damaged_frame_is_an_error_that_names_actor_and_number,
            faults::p90_a_damaged_snapshot_is_an_error_and_the_older_one_can_be_loaded,
            faults::a_deletion_that_fails_deletes_a_prefix_as_asked_or_nothing,
            crash::p97_p98_every_acknowledged_write_survives_a_power_cut_at_any_call,
            crash::every_acknowledged_write_survives_a_kill_at_any_call,
            model::p111_random_histories_agree_with_a_model,
            smoke::p112_ten_thousand_one_by_one_pipelined_and_recovered,
        }
    };
}

macro_rules! list_checks {
    ({} $($room:ident::$check:ident,)*) => {
        /// Every check.
        pub const CHECKS: &[NamedCheck] =
            &[$((stringify!($check), |subject| Box::pin($room::$check(subject))),)*];
    };
}

for_each_conformance_check!(list_checks,);

/// Makes a test of every check. The expression makes a new, empty [`Place`](crate::provider::conformance::Place).
///
/// The tests need no runtime of the caller's. Use it once per module: the tests have the names of the checks.
#[macro_export]
macro_rules! provider_conformance {
    ($place:expr) => {
        $crate::for_each_conformance_check!($crate::provider_conformance_tests, $place);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! provider_conformance_tests {
    ({ $place:expr } $($room:ident::$check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                $crate::provider::conformance::prove(stringify!($check), || $place);
            }
        )*
    };
}
