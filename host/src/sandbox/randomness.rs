//! Random numbers that are the same whenever the same actor is at the same moment.

use super::Moment;
use crate::vocab::ActorId;

/// Separates these streams from every other use of BLAKE3 on the same ids.
const CONTEXT: &str = "greenroom 2026 sandbox randomness v1";

/// The answers of `wasi:random` for one instance.
///
/// A call at the same moment sees the same stream from its start, on every machine. The stream is not secret: whoever
/// knows an actor's address and sequence can compute it.
#[derive(Debug)]
pub(super) struct Randomness {
    actor: ActorId,
    moment: Moment,
    /// Made at the first use in a call: most calls use none.
    stream: Option<blake3::OutputReader>,
}

impl Randomness {
    pub(super) fn new(actor: ActorId) -> Self {
        Self { actor, moment: Moment::default(), stream: None }
    }

    /// Starts the stream of a moment.
    pub(super) fn enter(&mut self, moment: Moment) {
        self.moment = moment;
        self.stream = None;
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        let (actor, sequence) = (self.actor, self.moment.sequence.0.to_le_bytes());
        self.stream.get_or_insert_with(|| stream(actor, b"moment", &sequence)).fill(bytes);
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// The seed of hash maps: one for the whole life of an actor, so that a recovered instance is seeded like the one
    /// that went before it.
    pub(super) fn hash_seed(&self) -> (u64, u64) {
        let mut stream = stream(self.actor, b"hash maps", &[]);
        let mut next = || {
            let mut bytes = [0; 8];
            stream.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        (next(), next())
    }
}

fn stream(actor: ActorId, purpose: &[u8], position: &[u8]) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&actor.0).update(purpose).update(position);
    hasher.finalize_xof()
}
