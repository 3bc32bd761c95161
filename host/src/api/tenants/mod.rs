//! Tenants, administered: one file per verb.

pub(super) mod change;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod resume;
pub(super) mod show;
pub(super) mod suspend;
