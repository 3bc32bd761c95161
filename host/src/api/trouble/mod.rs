//! Actors in trouble: one file per verb.

pub(super) mod inspect;
pub(super) mod list;
pub(super) mod purge;
pub(super) mod release;
pub(super) mod retry;
pub(super) mod skip;

use super::problem::Problem;
use super::query::Query;
use super::route::{ParameterType, QueryParameter};
use crate::runtime::{Identity, Operator};
use crate::vocab::Code;

/// Bytes of an operator's reason: it is written into a journal.
const REASON_BYTES_MAX: usize = 500;

/// Why an operator does it.
const REASON: QueryParameter = QueryParameter {
    name: "reason",
    of: ParameterType::Text,
    about: "Why, in at most 500 bytes; it is written into the actor's journal with the id of the key.",
};

/// Who asks, and why.
fn operator(caller: &Identity, query: &Query) -> Result<Operator, Problem> {
    let why = query.text("reason").unwrap_or_default().to_owned();
    if why.len() > REASON_BYTES_MAX || why.chars().any(char::is_control) {
        let detail = format!("reason must be at most {REASON_BYTES_MAX} bytes without control characters");
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    Ok(Operator { who: super::routes::who(caller), why })
}
