//! Rollouts: one file per verb.

pub(super) mod activate;
pub(super) mod roll_back;
pub(super) mod show;

use super::problem::Problem;
use super::route::{ParameterType, QueryParameter};
use crate::runtime::{Identity, Operator};
use crate::vocab::Code;

/// Bytes of an operator's reason: it is kept in the history.
const REASON_BYTES_MAX: usize = 300;

/// Who asks, and why.
fn operator(caller: &Identity, why: String) -> Result<Operator, Problem> {
    if why.len() > REASON_BYTES_MAX || why.chars().any(char::is_control) {
        let detail = format!("reason must be at most {REASON_BYTES_MAX} bytes without control characters");
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    Ok(Operator { who: super::routes::who(caller), why })
}

/// Whether a deploy has actors run the revision.
pub(super) const ACTIVATE: QueryParameter = QueryParameter {
    name: "activate",
    of: ParameterType::Text,
    about: "`false`: the revision is added and nobody runs it yet. Else everybody does; live actors change over.",
};
