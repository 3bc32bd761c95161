//! Rollouts: one file per verb.

pub(super) mod activate;
pub(super) mod roll_back;
pub(super) mod show;
