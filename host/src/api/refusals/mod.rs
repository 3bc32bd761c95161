//! Components that are known to fail: for operators.

pub(super) mod forget;
pub(super) mod list;
