//! A small map that forgets the entries that nobody asked for the longest.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use crate::vocab::Digest;

/// What is known of components, by digest; never holds more than its bound.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    bound: usize,
    bytes_max: u64,
    entries: Mutex<Entries<T>>,
}

#[derive(Debug)]
struct Entries<T> {
    /// Each with its bytes.
    map: HashMap<Digest, (T, u64)>,
    order: VecDeque<Digest>,
    bytes: u64,
}

impl<T> Entries<T> {
    fn remove(&mut self, digest: Digest) -> Option<T> {
        let (value, bytes) = self.map.remove(&digest)?;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.order.retain(|kept| *kept != digest);
        Some(value)
    }
}

impl<T: Clone> Remembered<T> {
    /// At most so many entries of so many bytes together; the newest one is there in any case.
    pub(super) fn new(bound: usize, bytes_max: u64) -> Self {
        let entries = Entries { map: HashMap::new(), order: VecDeque::new(), bytes: 0 };
        Self { bound, bytes_max, entries: Mutex::new(entries) }
    }

    pub(super) fn get(&self, digest: Digest) -> Option<T> {
        let mut entries = self.lock();
        let value = entries.map.get(&digest).map(|(value, _)| value.clone())?;
        entries.order.retain(|kept| *kept != digest);
        entries.order.push_back(digest);
        Some(value)
    }

    pub(super) fn put(&self, digest: Digest, value: T, bytes: u64) {
        // Dropped behind the lock: what is forgotten may be large.
        let mut forgotten = Vec::new();
        let mut entries = self.lock();
        forgotten.extend(entries.remove(digest));
        entries.map.insert(digest, (value, bytes));
        entries.order.push_back(digest);
        entries.bytes = entries.bytes.saturating_add(bytes);
        while (entries.order.len() > self.bound || entries.bytes > self.bytes_max)
            && let Some(oldest) = entries.order.front().copied().filter(|oldest| *oldest != digest)
        {
            forgotten.extend(entries.remove(oldest));
        }
        drop(entries);
        drop(forgotten);
    }

    pub(super) fn remove(&self, digest: Digest) {
        let forgotten = self.lock().remove(digest);
        drop(forgotten);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries<T>> {
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_is_forgotten_first() {
        let remembered = Remembered::new(2, 100);
        let digests = [b"a", b"b", b"c"].map(|bytes| Digest::of(bytes));
        for (n, digest) in digests.into_iter().enumerate() {
            remembered.put(digest, n, 1);
        }
        assert_eq!(digests.map(|digest| remembered.get(digest)), [None, Some(1), Some(2)]);
    }

    #[test]
    fn who_is_asked_for_stays() {
        let remembered = Remembered::new(2, 100);
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| Digest::of(bytes));
        remembered.put(a, 1, 1);
        remembered.put(b, 2, 1);
        assert_eq!(remembered.get(a), Some(1));
        remembered.put(c, 3, 1);
        assert_eq!([a, b, c].map(|digest| remembered.get(digest)), [Some(1), None, Some(3)]);
    }

    #[test]
    fn so_many_bytes_are_remembered_and_not_one_more() {
        let remembered = Remembered::new(10, 100);
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| Digest::of(bytes));
        remembered.put(a, 1, 60);
        remembered.put(b, 2, 40);
        assert_eq!([a, b].map(|digest| remembered.get(digest)), [Some(1), Some(2)]);
        remembered.put(c, 3, 1);
        assert_eq!([a, b, c].map(|digest| remembered.get(digest)), [None, Some(2), Some(3)]);
        // One alone is remembered whatever it has, and what is put again counts once.
        remembered.put(a, 4, 1_000);
        remembered.put(a, 5, 60);
        remembered.put(b, 6, 40);
        assert_eq!([a, b, c].map(|digest| remembered.get(digest)), [Some(5), Some(6), None]);
        remembered.remove(a);
        assert_eq!(remembered.lock().bytes, 40);
    }
}
