//! Actors in trouble: one file per verb.

pub(super) mod dead_letters;
pub(super) mod inspect;
pub(super) mod list;
pub(super) mod purge;
pub(super) mod release;
pub(super) mod retry;
pub(super) mod skip;

use crate::api::encode_segment;

/// A verb with its reason, as the path has them.
fn with_reason(verb: &str, first: &str, reason: Option<&str>) -> String {
    let reason = reason.map(|reason| format!("reason={}", encode_segment(reason)));
    let query: Vec<String> =
        [Some(first.to_owned()).filter(|first| !first.is_empty()), reason].into_iter().flatten().collect();
    if query.is_empty() { verb.to_owned() } else { format!("{verb}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_encoded_into_the_query() {
        assert_eq!(with_reason("skip", "", None), "skip");
        assert_eq!(with_reason("skip", "", Some("a b&c")), "skip?reason=a%20b%26c");
        assert_eq!(with_reason("purge", "confirm=true", Some("x")), "purge?confirm=true&reason=x");
    }
}
