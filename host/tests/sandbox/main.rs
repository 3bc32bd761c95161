//! The sandbox, with real components: honest calls, and every way in which a guest may misbehave.

#![expect(clippy::disallowed_methods, reason = "components and cache files, not durable files of the host")]

#[cfg(test)]
mod answers;
#[cfg(test)]
mod bare;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod by_hand;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod own_limits;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod table;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod wasi_abuse;
