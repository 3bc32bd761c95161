//! One act per file.

pub(crate) mod after_the_crash;
pub(crate) mod deploy;
pub(crate) mod end;
pub(crate) mod kill_under_load;
pub(crate) mod past_states;
pub(crate) mod refusals;
pub(crate) mod repeat;
