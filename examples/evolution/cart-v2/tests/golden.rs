//! The second revision reads what the first one stored, and stores what its own golden journal holds.

use std::collections::BTreeMap;

use cart_v2::{Ask, Cart, Fact};
use greenroom::Codec;
use greenroom::testing::Given;
use serde_json::{Value, json};

fn line(pieces: u32, cents: u64) -> Value {
    json!({ "pieces": pieces, "cents": cents })
}

#[test]
fn the_golden_journal_is_written_again_byte_for_byte() {
    let added = |item: &str, count, cents| Fact::Added { item: item.to_owned(), count, cents };
    let history = Given::<Cart>::new().events([
        Fact::Greeted { name: "Bo".to_owned() },
        added("tea", 2, 300),
        added("pen", 1, 0),
        Fact::Noted { text: "by post".to_owned(), by: "Bo".to_owned() },
    ]);
    assert_eq!(history.golden(), include_str!("../../golden/cart-v2.events"));
    let lines = json!({ "pen": line(1, 0), "tea": line(2, 600) });
    let expected = json!({ "lines": lines, "note": "by post", "noted_by": "Bo" });
    history.when(Ask::Show).then_no_events().then_state(expected);
}

#[test]
fn an_old_event_gets_the_new_field_by_its_upcaster_or_its_default() {
    let history = Given::<Cart>::new().replayed(include_str!("../../golden/cart-v1.events"));
    history.replays_to_the_same_state();
    history.survives_a_snapshot();
    let lines = json!({ "cup": line(0, 0), "tea": line(3, 0) });
    history.when(Ask::Show).then_state(json!({ "lines": lines, "note": "a gift", "noted_by": "" }));
}

#[test]
fn a_command_without_the_new_field_is_taken_as_before() {
    let added = |cents| Fact::Added { item: "tea".to_owned(), count: 1, cents };
    let send = |payload| Given::<Cart>::new().when_sent("add", payload);
    send(r#"{"item":"tea","count":1}"#).then_events([added(0)]);
    send(r#"{"item":"tea","count":1,"cents":9}"#).then_events([added(9)]);
}

#[test]
fn a_snapshot_of_the_first_revision_is_migrated() {
    let old = (BTreeMap::from([("tea".to_owned(), 3_u32)]), "a gift".to_owned());
    Given::<Cart>::new()
        .snapshot(1, Codec::Bincode, &old)
        .when(Ask::Show)
        .then_state(json!({ "lines": { "tea": line(3, 0) }, "note": "a gift", "noted_by": "" }));
}

#[test]
fn more_than_a_hundred_pieces_at_once_are_refused() {
    let command = Ask::Add { item: "tea".to_owned(), count: 101, cents: 1 };
    Given::<Cart>::new().when(command).then_rejection(json!({ "too-many": { "most": 100 } })).then_no_events();
}
