//! One simulated file: what a reader sees, and what a power cut leaves of it.

use super::Seed;

/// What a disk writes at once: a torn write tears here, or, on request of the seed, at any byte.
const SECTOR_BYTES: usize = 512;

/// A file's bytes, durable and not.
#[derive(Debug, Default, Clone)]
pub(super) struct SimFile {
    /// What a power cut leaves for certain.
    pub(super) synced: Vec<u8>,
    /// What a reader sees.
    pub(super) current: Vec<u8>,
    /// Writes since the last sync, in order: where, and what.
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Writes that a failed sync was about, in order: the system shows them and has forgotten that it had to write them,
    /// so later syncs succeed and prove nothing of them. Written again, they are as good as any.
    forgotten: Vec<(usize, Vec<u8>)>,
}

impl SimFile {
    /// A file that holds `content`, durably.
    pub(super) fn durable(content: Vec<u8>) -> Self {
        Self { synced: content.clone(), current: content, ..Self::default() }
    }

    pub(super) const fn length(&self) -> usize {
        self.current.len()
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.current, at, bytes);
        self.unsynced.push((at, bytes.to_vec()));
    }

    /// Makes everything durable; all but the last write if `keep_last`.
    pub(super) fn sync(&mut self, keep_last: bool) {
        let last = self.unsynced.pop_if(|_| keep_last);
        for (at, bytes) in std::mem::replace(&mut self.unsynced, last.into_iter().collect()) {
            put(&mut self.synced, at, &bytes);
            for (place, forgotten) in &mut self.forgotten {
                overlay(*place, forgotten, at, &bytes);
            }
        }
    }

    pub(super) fn fail_sync(&mut self) {
        self.forgotten.append(&mut self.unsynced);
    }

    pub(super) fn after_kill(&self) -> Self {
        // The system still has to write the unsynced part: it stays unsynced for a later power cut.
        self.clone()
    }

    /// Of every write since the last sync: nothing, all, any sectors, the first bytes, the last bytes, or some in the
    /// middle; each by itself, so that later ones may be there without earlier ones.
    pub(super) fn after_power_cut(&self, seed: &mut Seed) -> Self {
        let mut left = self.synced.clone();
        for (at, bytes) in self.forgotten.iter().chain(&self.unsynced) {
            let length = bytes.len() as u64;
            let mut position = || usize::try_from(seed.below(length + 1)).unwrap_or(0);
            let (one, other) = (position(), position());
            let mut keep = |from: usize, to: usize| put(&mut left, at + from, bytes.get(from..to).unwrap_or_default());
            match seed.below(8) {
                0 | 1 => {}
                2 | 3 => keep(0, bytes.len()),
                4 => keep(0, one),
                5 => keep(one, bytes.len()),
                6 => keep(one.min(other), one.max(other)),
                _ => {
                    // Sectors lie at multiples of their size in the file, not in the write.
                    let mut from = 0;
                    while from < bytes.len() {
                        let to = ((at + from + 1).next_multiple_of(SECTOR_BYTES) - at).min(bytes.len());
                        if seed.below(2) == 0 {
                            keep(from, to);
                        }
                        from = to;
                    }
                }
            }
        }
        Self::durable(left)
    }
}

/// Copies what `bytes` at `at` have in common with `under` at `place` over it.
fn overlay(place: usize, under: &mut [u8], at: usize, bytes: &[u8]) {
    for (offset, byte) in under.iter_mut().enumerate() {
        if let Some(newer) = (place + offset).checked_sub(at).and_then(|index| bytes.get(index)) {
            *byte = *newer;
        }
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end && !bytes.is_empty() {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
}
