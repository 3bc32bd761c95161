//! What a store must hold: the state after some first part of the calls, and never less than was acknowledged.

use std::collections::BTreeMap;

/// What callers can see of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    /// By the actor's index.
    pub(super) actors: BTreeMap<usize, ActorState>,
    pub(super) catalog: BTreeMap<String, u64>,
}

/// What callers can see of one actor. What the events are follows from their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ActorState {
    pub(super) head: u64,
    pub(super) deleted: u64,
    pub(super) wake_at: Option<u64>,
    /// Which version there is at which number.
    pub(super) snapshots: BTreeMap<u64, u64>,
}

/// One call that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    Append { actor: usize, expected: u64, count: u64, wake_at: Option<u64> },
    Save { actor: usize, sequence: u64, version: u64 },
    DeleteSnapshot { actor: usize, sequence: u64 },
    DeleteThrough { actor: usize, through: u64, is_forced: bool },
    Put { key: String, value: u64 },
    DeleteRecord { key: String },
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody knows.
    Unknown,
    /// It was told that nothing was stored.
    NotStored,
    /// It was told that it is stored.
    Stored,
}

/// The calls since the state was last known for certain.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// The states on the way to the base, in order, since the disk last kept what was promised.
    earlier: Vec<State>,
    base: State,
    calls: Vec<(Call, Fate)>,
    /// So many of the calls must be there after a kill.
    written: usize,
    /// So many of the calls must be there after a power cut.
    durable: usize,
    /// So many of the calls are on the disk, which did not lie until then.
    kept: usize,
}

/// What a crash may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Floor {
    /// Nothing that was promised to survive a kill.
    Written,
    /// Nothing that was promised to survive a power cut.
    Durable,
    /// Anything since the state was last known for certain, but from the end only: the disk lied.
    Nothing,
    /// The same, and anything back to what the disk kept before it lied: it lied about what was there when the state
    /// was last known.
    Earlier,
}

impl State {
    fn apply(&mut self, call: &Call) {
        match call {
            Call::Append { actor, expected, count, wake_at } => {
                let known = self.actors.entry(*actor).or_default();
                (known.head, known.wake_at) = (expected + count, *wake_at);
            }
            Call::Save { actor, sequence, version } => {
                self.actors.entry(*actor).or_default().snapshots.insert(*sequence, *version);
            }
            Call::DeleteSnapshot { actor, sequence } => {
                self.actors.entry(*actor).or_default().snapshots.remove(sequence);
            }
            Call::DeleteThrough { actor, through, .. } => {
                let known = self.actors.entry(*actor).or_default();
                known.deleted = known.deleted.max(*through).min(known.head);
            }
            Call::Put { key, value } => _ = self.catalog.insert(key.clone(), *value),
            Call::DeleteRecord { key } => _ = self.catalog.remove(key),
        }
    }
}

impl Model {
    /// Remembers a call that is being made; returns its place.
    pub(super) fn call(&mut self, call: Call) -> usize {
        self.calls.push((call, Fate::Unknown));
        self.calls.len() - 1
    }

    pub(super) fn settle(&mut self, place: usize, fate: Fate) {
        self.calls[place].1 = fate;
    }

    pub(super) fn is_append(&self, place: usize) -> bool {
        matches!(self.calls[place].0, Call::Append { .. })
    }

    /// Everything up to this call was promised to survive a kill.
    pub(super) fn promise_written(&mut self, place: usize) {
        self.written = self.written.max(place + 1);
    }

    /// Everything up to this call was promised to survive a power cut.
    pub(super) fn promise_durable(&mut self, place: usize) {
        self.promise_written(place);
        self.durable = self.durable.max(place + 1);
    }

    /// Everything is promised: the store was closed. `is_kept` if the disk did not lie until then.
    pub(super) fn promise_all(&mut self, is_kept: bool) {
        (self.written, self.durable) = (self.calls.len(), self.calls.len());
        if is_kept {
            self.kept = self.calls.len();
        }
    }

    /// Whether anything was promised to survive a power cut since the state was last known for certain.
    pub(super) const fn promises_durable(&self) -> bool {
        self.durable > 0
    }

    /// The state if everything that may be stored is stored: what the next calls build upon.
    pub(super) fn newest(&self) -> State {
        let mut state = self.base.clone();
        self.stored().for_each(|(_, call)| state.apply(call));
        state
    }

    fn stored(&self) -> impl Iterator<Item = (usize, &Call)> {
        let calls = self.calls.iter().enumerate();
        calls.filter(|(_, (_, fate))| *fate != Fate::NotStored).map(|(place, (call, _))| (place, call))
    }

    /// Whether `found` is the state after some first part of the calls, with nothing missing that is promised.
    pub(super) fn check(&self, found: &State, floor: Floor) -> Result<(), String> {
        let least = match floor {
            Floor::Written => self.written,
            Floor::Durable => self.durable,
            Floor::Nothing => 0,
            Floor::Earlier if self.earlier.contains(found) => return Ok(()),
            Floor::Earlier => 0,
        };
        let must = self.stored().filter(|(place, _)| *place < least).count();
        let mut state = self.base.clone();
        let mut is_loss = state == *found;
        if is_loss && must == 0 {
            return Ok(());
        }
        for (done, (_, call)) in (1..).zip(self.stored()) {
            state.apply(call);
            if state == *found {
                if done >= must {
                    return Ok(());
                }
                is_loss = true;
            }
        }
        let what = if is_loss { "acknowledged calls are lost" } else { "no first part of the calls gives this" };
        Err(format!(
            "{what}\n found {found:?}\n after all {} calls {state:?}\n {must} calls must be there",
            self.calls.len()
        ))
    }

    /// Takes what was found, and checked, for certain. `is_kept` if the disk did not lie until then.
    pub(super) fn adopt(&mut self, found: State, is_kept: bool) {
        let mut earlier = std::mem::take(&mut self.earlier);
        let mut state = self.base.clone();
        earlier.push(state.clone());
        for (place, call) in self.stored() {
            if place < self.kept {
                earlier.clear();
            }
            state.apply(call);
            earlier.push(state.clone());
        }
        let at = earlier.iter().rposition(|state| *state == found).unwrap_or_default();
        earlier.truncate(if is_kept { 0 } else { at });
        *self = Self { earlier, base: found, ..Self::default() };
    }
}
