//! What the macros accept, and what they say to what they do not.

#[test]
fn macros_accept_and_refuse_with_words_that_help() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
