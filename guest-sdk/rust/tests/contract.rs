//! The SDK's copy of the contract, which makes its folder complete in itself.

use std::path::Path;

#[test]
fn the_copy_of_the_contract_is_the_contract() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = std::fs::read_to_string(own.join("wit/actor.wit")).unwrap();
    let contract = std::fs::read_to_string(own.join("../../wit/v1/actor.wit")).unwrap();
    assert_eq!(copy, contract, "copy wit/v1/actor.wit to guest-sdk/rust/wit/actor.wit");
}
