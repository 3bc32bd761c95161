//! The state that one revision gives an actor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::side::Side;
use crate::actor::{Admission, Code as _, Fault, Pacer, Progress, Recovery, RecoveryError, Stage, Unusable};
use crate::decide::Differences;
use crate::sandbox::{GuestFailure, Moment};
use crate::vocab::{Address, Code, Digest, Sequence, Timestamp};

/// A state over this is not kept as a text, and compared byte by byte: bounds what a rehearsal holds in memory.
const STATE_BYTES_MAX: usize = /* 8 MiB */ 8 * 1_024 * 1_024;
/// What passes by itself (no room for an instance, a quota) is tried again so often …
const TRIES: u32 = 5;
/// … after this long.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// A state as its component renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// JSON, or what the component takes for it.
    Text(String),
    /// One too large to be kept.
    Large { bytes: usize, digest: Digest },
}

impl Seen {
    pub(super) fn of(text: String) -> Self {
        if text.len() <= STATE_BYTES_MAX {
            return Self::Text(text);
        }
        Self::Large { bytes: text.len(), digest: Digest::of(text.as_bytes()) }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Text(text) => format!("{} bytes", text.len()),
            Self::Large { bytes, digest } => {
                let digest: String = digest.to_string().chars().take(12).collect();
                format!("{bytes} bytes ({digest}), too many to be compared in parts")
            }
        }
    }

    /// Where two states say different things.
    pub(super) fn differences(&self, new: &Self) -> Differences {
        match (self, new) {
            (old, new) if old == new => Differences::default(),
            (Self::Text(old), Self::Text(new)) => Differences::between(old, new),
            (old, new) => Differences::of_the_whole(&old.in_words(), &new.in_words()),
        }
    }
}

/// An actor brought back.
#[derive(Debug, Clone)]
pub(super) struct Replayed {
    pub(super) state: Seen,
    /// The snapshot it was started from.
    pub(super) snapshot: Option<Sequence>,
    /// Newer snapshots that the code does not use.
    pub(super) unusable: Vec<(Sequence, Unusable)>,
    pub(super) events: u64,
    pub(super) took: Duration,
}

/// An actor that could not be brought back.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) why: Why,
    pub(super) events: u64,
    pub(super) took: Duration,
}

/// What was in the way.
#[derive(Debug)]
pub(super) enum Why {
    Recovery(RecoveryError),
    /// After the last event: in `recovered`, or when the state was to be shown.
    Guest(GuestFailure),
}

impl Why {
    pub(super) const fn fault(&self) -> Fault {
        match self {
            Self::Recovery(error) => error.fault(),
            Self::Guest(failure) => failure.fault(),
        }
    }

    pub(super) const fn code(&self) -> Code {
        match self {
            Self::Recovery(error) => error.code(),
            Self::Guest(failure) => failure.code(),
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Recovery(error) => error.fmt(f),
            Self::Guest(failure) => failure.fmt(f),
        }
    }
}

/// One actor, looked at as of one event.
pub(super) struct Looked<'a> {
    pub(super) stage: &'a Stage,
    pub(super) pacer: &'a Arc<Pacer>,
    pub(super) address: &'a Arc<Address>,
    /// The last event that is folded in.
    pub(super) through: Sequence,
    /// When that is, for guests: the same for both revisions.
    pub(super) now: Timestamp,
}

/// Which snapshots a replay may start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Newest,
    None,
}

impl Looked<'_> {
    /// Brings the actor back on one revision, and shows its state. What passes by itself is waited for.
    pub(super) async fn replay(&self, side: &Side, base: Base) -> Result<Replayed, Failed> {
        let mut tries = TRIES;
        loop {
            tries = tries.saturating_sub(1);
            match self.try_replay(side, base).await {
                Err(failed) if tries > 0 && passes_by_itself(&failed.why) => {
                    tokio::time::sleep(TRY_AGAIN_AFTER).await;
                    self.pacer.resume();
                }
                result => return result,
            }
        }
    }

    async fn try_replay(&self, side: &Side, base: Base) -> Result<Replayed, Failed> {
        let (limits, progress) = (side.limits(), Progress::default());
        let recovery = Recovery {
            progress: Some(&progress),
            through: self.through,
            before: (base == Base::None).then_some(Sequence::FIRST),
            admission: Admission::paced(Arc::clone(self.pacer)),
            ..Recovery::silent(self.stage, side, self.address, &limits)
        };
        let began = Instant::now();
        let result = Box::pin(recovery.run_on(Arc::clone(&side.revision))).await;
        let took = began.elapsed().saturating_sub(recovery.admission.waited());
        let failed = |why| Failed { why, events: progress.events().0, took };
        let mut recovered = result.map_err(|error| failed(Why::Recovery(error)))?;
        let moment = Moment { time: self.now, sequence: self.through };
        let permit = recovery.admission.enter(recovered.instance.share()).await;
        let mut instance = recovered.instance.with(Some(permit));
        let seen = instance.recovered(moment).and_then(|()| instance.state_as_json());
        let state = Seen::of(seen.map_err(|failure| failed(Why::Guest(failure)))?);
        drop(instance);
        Ok(Replayed {
            state,
            snapshot: recovered.base.map(|(sequence, _)| sequence),
            unusable: recovered.unusable,
            events: recovered.replayed.0,
            took,
        })
    }

    /// The same failure with the event that it is about, where a whole batch failed: replayed once more, one by one.
    pub(super) async fn pinpointed(&self, side: &Side, base: Base, failed: Failed) -> Failed {
        let Failed { why: Why::Recovery(error), events, took } = failed else { return failed };
        let limits = side.limits();
        let recovery = Recovery {
            through: self.through,
            before: (base == Base::None).then_some(Sequence::FIRST),
            admission: Admission::paced(Arc::clone(self.pacer)),
            ..Recovery::silent(self.stage, side, self.address, &limits)
        };
        Failed { why: Why::Recovery(recovery.pinpointed(error).await), events, took }
    }
}

const fn passes_by_itself(why: &Why) -> bool {
    match why {
        Why::Recovery(error) => matches!(
            error,
            RecoveryError::OverQuota(_)
                | RecoveryError::Start(
                    GuestFailure::NoRoom | GuestFailure::Quota { .. } | GuestFailure::HostMemory { .. }
                )
                | RecoveryError::Replay(crate::sandbox::ReplayFailure::Guest {
                    failure: GuestFailure::NoRoom | GuestFailure::Quota { .. } | GuestFailure::HostMemory { .. },
                    ..
                })
        ),
        Why::Guest(failure) => {
            matches!(failure, GuestFailure::NoRoom | GuestFailure::Quota { .. } | GuestFailure::HostMemory { .. })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_too_large_to_keep_is_compared_byte_by_byte() {
        let large = |last: &str| Seen::of(format!("\"{}{last}\"", "x".repeat(STATE_BYTES_MAX)));
        assert!(matches!(large("a"), Seen::Large { .. }));
        assert!(large("a").differences(&large("a")).is_empty());
        let found = large("a").differences(&large("b"));
        assert_eq!((found.listed.len(), found.listed[0].path.as_str()), (1, ""));
        assert!(found.listed[0].old.as_ref().unwrap().contains("8388611 bytes"), "{found:?}");
        assert_eq!(Seen::of("1".to_owned()).differences(&large("a")).listed.len(), 1);
    }
}
