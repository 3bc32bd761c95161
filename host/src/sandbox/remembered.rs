//! A small map that forgets its oldest entry.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use crate::vocab::Digest;

/// What is known of components, by digest; never holds more than its bound.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    bound: usize,
    entries: Mutex<(HashMap<Digest, T>, VecDeque<Digest>)>,
}

impl<T: Clone> Remembered<T> {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, entries: Mutex::default() }
    }

    pub(super) fn get(&self, digest: Digest) -> Option<T> {
        self.lock().0.get(&digest).cloned()
    }

    pub(super) fn put(&self, digest: Digest, value: T) {
        let mut entries = self.lock();
        let (map, order) = &mut *entries;
        if map.insert(digest, value).is_none() {
            order.push_back(digest);
        }
        if order.len() > self.bound
            && let Some(oldest) = order.pop_front()
        {
            map.remove(&oldest);
        }
    }

    pub(super) fn remove(&self, digest: Digest) {
        let mut entries = self.lock();
        let (map, order) = &mut *entries;
        if map.remove(&digest).is_some() {
            order.retain(|kept| *kept != digest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (HashMap<Digest, T>, VecDeque<Digest>)> {
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_is_forgotten_first() {
        let remembered = Remembered::new(2);
        let digests = [b"a", b"b", b"c"].map(|bytes| Digest::of(bytes));
        for (n, digest) in digests.into_iter().enumerate() {
            remembered.put(digest, n);
        }
        assert_eq!(digests.map(|digest| remembered.get(digest)), [None, Some(1), Some(2)]);
    }
}
