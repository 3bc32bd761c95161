//! Random numbers that are the same whenever the same actor is at the same moment.

use super::Moment;
use super::failure::Refusal;
use super::turn::invalid;
use crate::vocab::{ActorId, Sequence, Timestamp};

/// Separates these streams from every other use of BLAKE3 on the same ids.
const CONTEXT: &str = "greenroom 2026 sandbox randomness v2";

/// What makes the numbers of one store's actors different from those of all others.
pub(super) type Secret = [u8; 32];

/// What a guest is told that draws while it replays.
const DRAWN_IN_REPLAY: &str = "it drew a random number while it replayed events, so its state would not be what the events say; \
                               draw it in `handle` and put it into the event";

/// Where the numbers of one call come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Draws {
    /// One stream of the actor, from its start in each call: what is derived from a state does not depend on when.
    #[default]
    OfTheActor,
    /// The stream of the actor and the number of the last event: a turn's own.
    OfTheTurn,
    /// Nowhere: events are being replayed, in batches that are not those in which they were appended, so no stream
    /// could give what was drawn then.
    None,
}

/// The answers of `wasi:random` for one instance.
///
/// A call at the same moment sees the same stream from its start. The stream depends on the host's secret, so that who
/// knows an actor's address and sequence cannot compute it.
pub(super) struct Randomness {
    secret: Secret,
    actor: ActorId,
    moment: Moment,
    draws: Draws,
    /// Made at the first use in a call: most calls use none.
    stream: Option<blake3::OutputReader>,
}

impl Randomness {
    pub(super) const fn new(actor: ActorId, secret: Secret) -> Self {
        Self {
            secret,
            actor,
            moment: Moment { time: Timestamp(0), sequence: Sequence::ZERO },
            draws: Draws::OfTheActor,
            stream: None,
        }
    }

    /// Starts the stream of a moment.
    pub(super) fn enter(&mut self, moment: Moment, draws: Draws) {
        self.moment = moment;
        self.draws = draws;
        self.stream = None;
    }

    /// # Errors
    /// While events are replayed.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Refusal> {
        let (secret, actor, sequence) = (self.secret, self.actor, self.moment.sequence.0.to_le_bytes());
        let begin = || match self.draws {
            Draws::OfTheTurn => Ok(stream(secret, actor, b"moment", &sequence)),
            Draws::OfTheActor => Ok(stream(secret, actor, b"actor", &[])),
            Draws::None => Err(invalid(DRAWN_IN_REPLAY.to_owned())),
        };
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => empty.insert(begin()?),
        };
        stream.fill(bytes);
        Ok(())
    }

    /// # Errors
    /// While events are replayed.
    pub(super) fn next_u64(&mut self) -> Result<u64, Refusal> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// The seed of hash maps: one for the whole life of an actor, so that a recovered instance is seeded like the one
    /// that went before it.
    pub(super) fn hash_seed(&self) -> (u64, u64) {
        let mut stream = stream(self.secret, self.actor, b"hash maps", &[]);
        let mut next = || {
            let mut bytes = [0; 8];
            stream.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        (next(), next())
    }
}

fn stream(secret: Secret, actor: ActorId, purpose: &[u8], position: &[u8]) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&secret).update(&actor.0).update(purpose).update(position);
    hasher.finalize_xof()
}

impl std::fmt::Debug for Randomness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Randomness").field("moment", &self.moment).field("draws", &self.draws).finish_non_exhaustive()
    }
}
