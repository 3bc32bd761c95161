//! The account, through its rejections and its two changes of layout.

use account::{Account, Ask, Balance, Fact, Refusal, WithdrawnV1};
use greenroom::Codec;
use greenroom::testing::Given;

fn deposited(cents: u64) -> Fact {
    Fact::Deposited { cents }
}

#[test]
fn a_withdrawal_is_paid_from_what_was_deposited() {
    Given::<Account>::new()
        .events([deposited(500)])
        .when(Ask::Withdraw { cents: 200 })
        .then_events([Fact::Withdrawn { cents: 200 }])
        .then_reply(Balance { cents: 300 });
}

#[test]
fn an_overdraft_is_rejected_and_leaves_nothing() {
    Given::<Account>::new()
        .events([deposited(500)])
        .when(Ask::Withdraw { cents: 700 })
        .then_rejection(Refusal::Overdrawn { missing_cents: 200 })
        .then_no_events()
        .when(Ask::Balance)
        .then_reply(Balance { cents: 500 });
}

#[test]
fn an_old_withdrawal_becomes_two_movements_in_order() {
    let old = WithdrawnV1(3, 5);
    Given::<Account>::new()
        .events([deposited(500)])
        .stored("withdrawn", 1, Codec::Bincode, &old)
        .events([deposited(1)])
        .when(Ask::Balance)
        .then_no_events()
        .then_reply(Balance { cents: 196 })
        .then_state(serde_json::json!({ "cents": 196, "movements": 4 }));
}

#[test]
fn an_old_withdrawal_of_nothing_becomes_no_movement() {
    Given::<Account>::new()
        .stored("withdrawn", 1, Codec::Bincode, &WithdrawnV1(0, 0))
        .when(Ask::Balance)
        .then_state(serde_json::json!({ "cents": 0, "movements": 0 }));
}

#[test]
fn a_snapshot_in_dollars_is_migrated() {
    Given::<Account>::new()
        .snapshot(1, Codec::Bincode, &7_u64)
        .events([deposited(1)])
        .when(Ask::Balance)
        .then_reply(Balance { cents: 701 });
}

#[test]
fn a_snapshot_of_the_future_is_refused() {
    Given::<Account>::new().snapshot(3, Codec::Bincode, &7_u64).then_snapshot_is_unknown();
}

#[test]
fn it_is_deterministic() {
    let history = Given::<Account>::new().events([deposited(500), Fact::Withdrawn { cents: 20 }]).stored(
        "withdrawn",
        1,
        Codec::Bincode,
        &WithdrawnV1(1, 1),
    );
    history.replays_to_the_same_state();
    history.survives_a_snapshot();
    history.handlers_agree_under_two_seeds([Ask::Withdraw { cents: 100 }, Ask::Withdraw { cents: 1_000 }]);
}
