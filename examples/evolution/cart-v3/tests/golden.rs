//! The third revision reads what the first two stored, and stores what its own golden journal holds.

use std::collections::BTreeMap;

use cart_v3::{AddedV2, Ask, Cart, Fact, Line};
use greenroom::Codec;
use greenroom::testing::Given;
use serde_json::{Value, json};

fn line(pieces: u32, cents: u64) -> Value {
    json!({ "pieces": pieces, "cents": cents })
}

fn added(item: &str, cents: u64) -> Fact {
    Fact::Added { item: item.to_owned(), cents }
}

#[test]
fn the_golden_journal_is_written_again_byte_for_byte() {
    let noted = Fact::Noted { text: "by hand".to_owned(), by: "Cy".to_owned() };
    let history =
        Given::<Cart>::new().events([added("tea", 300), added("tea", 300), Fact::Cleared, added("pen", 50), noted]);
    assert_eq!(history.golden(), include_str!("../../golden/cart-v3.events"));
    let expected = json!({ "lines": { "pen": line(1, 50) }, "note": "by hand", "noted_by": "Cy", "total_cents": 50 });
    history.when(Ask::Show).then_no_events().then_state(expected);
}

/// L103: version 1 goes through version 2; an event becomes many or none; a retired type becomes none; order is kept.
#[test]
fn what_the_first_revision_stored_is_upcast_twice() {
    let history = Given::<Cart>::new().replayed(include_str!("../../golden/cart-v1.events"));
    history.replays_to_the_same_state();
    history.survives_a_snapshot();
    let expected = json!({ "lines": { "tea": line(3, 0) }, "note": "a gift", "noted_by": "", "total_cents": 0 });
    history.when(Ask::Show).then_state(expected);
}

#[test]
fn what_the_second_revision_stored_is_upcast_once() {
    let history = Given::<Cart>::new().replayed(include_str!("../../golden/cart-v2.events"));
    history.replays_to_the_same_state();
    history.survives_a_snapshot();
    let lines = json!({ "pen": line(1, 0), "tea": line(2, 600) });
    let expected = json!({ "lines": lines, "note": "by post", "noted_by": "Bo", "total_cents": 600 });
    history.when(Ask::Show).then_state(expected);
}

#[test]
fn what_one_event_became_stays_in_its_place() {
    Given::<Cart>::new()
        .events([added("tea", 1)])
        .stored("added", 2, Codec::Bincode, &AddedV2("tea".to_owned(), 100, 2))
        .events([Fact::Cleared])
        .stored("added", 2, Codec::Bincode, &AddedV2("tea".to_owned(), 2, 3))
        .when(Ask::Show)
        .then_state(json!({ "lines": { "tea": line(2, 6) }, "note": "", "noted_by": "", "total_cents": 6 }));
}

#[test]
fn a_snapshot_of_the_second_revision_is_migrated_to_what_a_replay_would_give() {
    let of = |pieces, cents| Line { pieces, cents };
    let lines = BTreeMap::from([("cup".to_owned(), of(0, 0)), ("tea".to_owned(), of(2, 600))]);
    Given::<Cart>::new()
        .snapshot(2, Codec::Bincode, &(lines, "by post".to_owned(), "Bo".to_owned()))
        .when(Ask::Show)
        .then_state(
            json!({ "lines": { "tea": line(2, 600) }, "note": "by post", "noted_by": "Bo", "total_cents": 600 }),
        );
}

#[test]
fn a_snapshot_of_the_first_revision_is_refused() {
    let old = (BTreeMap::from([("tea".to_owned(), 3_u32)]), "a gift".to_owned());
    Given::<Cart>::new().snapshot(1, Codec::Bincode, &old).then_snapshot_is_unknown();
}

#[test]
fn more_than_a_hundred_pieces_at_once_are_refused() {
    let add = |count| Given::<Cart>::new().when(Ask::Add { item: "tea".to_owned(), count, cents: 1 });
    add(2).then_events([added("tea", 1), added("tea", 1)]);
    add(101).then_rejection(json!({ "too-many": { "most": 100 } })).then_no_events();
}
