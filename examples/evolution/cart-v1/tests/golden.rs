//! What the first revision stored is what it stores.

use cart_v1::{Ask, Cart, Fact};
use greenroom::testing::Given;
use serde_json::json;

#[test]
fn the_golden_journal_is_written_again_byte_for_byte() {
    let added = |item: &str, count| Fact::Added { item: item.to_owned(), count };
    let history = Given::<Cart>::new().events([
        Fact::Greeted { name: "Ada".to_owned() },
        added("tea", 2),
        Fact::Noted { text: "a gift".to_owned() },
        Fact::Cleared,
        added("tea", 3),
        added("cup", 0),
    ]);
    assert_eq!(history.golden(), include_str!("../../golden/cart-v1.events"));
    let expected = json!({ "pieces": { "cup": 0, "tea": 3 }, "note": "a gift" });
    history.when(Ask::Show).then_no_events().then_state(expected);
}

#[test]
fn more_than_a_hundred_pieces_at_once_are_refused() {
    let most = |count| Given::<Cart>::new().when(Ask::Add { item: "tea".to_owned(), count });
    most(100).then_events([Fact::Added { item: "tea".to_owned(), count: 100 }]);
    most(101).then_rejection(json!({ "too-many": { "most": 100 } })).then_no_events();
}
