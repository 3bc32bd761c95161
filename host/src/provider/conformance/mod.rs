//! What every provider must do, as checks that anyone who writes one can run.
//!
//! Each check takes a new, empty store and fails with a sentence. Its name begins with the number of the promise.
//! [`CHECKS`] lists them; inside this crate [`provider_conformance`] makes a test of each.

pub(crate) mod append;
pub(crate) mod catalog;
pub(crate) mod deletion;
pub(crate) mod identity;
mod kit;
pub(crate) mod life;
pub(crate) mod replay;
pub(crate) mod snapshots;

use futures_util::future::BoxFuture;

pub use kit::{Check, Failure, Subject};

/// A check: its name, and what runs it.
pub type NamedCheck = (&'static str, fn(Subject) -> BoxFuture<'static, Check>);

/// Hands what it is given, and the path of every check, to a macro.
macro_rules! for_each_check {
    ($callback:ident, $($given:tt)*) => {
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
            life::p103_a_closed_store_refuses_everything_and_closes_twice,
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

for_each_check!(list_checks,);

/// Makes a test of every check; `$subject` is an expression that makes a new, empty store.
#[cfg(test)]
macro_rules! provider_conformance {
    ($subject:expr) => {
        use crate::provider::conformance::test_checks;
        crate::provider::conformance::for_each_check!(test_checks, $subject);
    };
}

#[cfg(test)]
macro_rules! test_checks {
    ({ $subject:expr } $($room:ident::$check:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let checked = crate::provider::conformance::$room::$check($subject).await;
                assert!(checked.is_ok(), "{checked:?}");
            }
        )*
    };
}

#[cfg(test)]
pub(crate) use {for_each_check, provider_conformance, test_checks};
