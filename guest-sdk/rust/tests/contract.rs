//! The SDK's copy of the contract, which makes its folder complete in itself.

#[test]
fn the_copy_of_the_contract_is_the_contract() {
    // A test runs in its package's folder.
    let copy = std::fs::read_to_string("wit/actor.wit").unwrap();
    let contract = std::fs::read_to_string("../../wit/v1/actor.wit").unwrap();
    assert_eq!(copy, contract, "copy wit/v1/actor.wit to guest-sdk/rust/wit/actor.wit");
}
