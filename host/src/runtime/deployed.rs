//! One deployed revision: what it is, always; its code, for as long as somebody needs it.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::deploy::Deployments;
use super::deployment::RevisionRecord;
use crate::actor::{Appended, Revision};
use crate::sandbox::{Component, EventType};

/// A revision of a kind. Its record stays in memory, and what its code appended; the code itself, which is large, leaves when it
/// is let go and nobody runs it. It is loaded again when it is asked for.
#[derive(Debug)]
pub(super) struct Deployed {
    pub(super) record: RevisionRecord,
    pub(super) event_types: Arc<[EventType]>,
    /// Made when its code is loaded for the first time. It is the same for all code that is loaded again: whoever looks
    /// through journals compares it with what it was.
    appended: OnceLock<Arc<Appended>>,
    code: Shelf<Revision>,
}

impl Deployed {
    /// `component` is the code, if it is at hand.
    pub(super) fn new(record: RevisionRecord, component: Option<Component>) -> Self {
        let event_types = record.event_types().collect();
        let deployed = Self { event_types, appended: OnceLock::new(), code: Shelf::default(), record };
        if let Some(component) = component {
            deployed.code.put(Arc::new(deployed.revision_of(component)));
        }
        deployed
    }

    fn revision_of(&self, component: Component) -> Revision {
        let new = || Arc::new(Appended::new(self.event_types.len()));
        let appended = Arc::clone(self.appended.get_or_init(new));
        Revision::new(self.record.id(), self.record.number, component, appended)
    }

    /// Its code: the one that is there, or else what `load` brings. Whoever holds it runs it.
    ///
    /// # Errors
    /// Why it cannot be loaded.
    pub(super) async fn code<Error>(
        &self,
        load: impl Future<Output = Result<Component, Error>>,
    ) -> Result<Arc<Revision>, Error> {
        self.code.get(async { Ok(Arc::new(self.revision_of(load.await?))) }).await
    }

    /// What its code appended since the host began; `None`: it was never loaded, so it did not run.
    pub(super) fn appended(&self) -> Option<&Arc<Appended>> {
        self.appended.get()
    }

    /// Whether somebody holds its code, to run it.
    pub(super) fn is_running(&self) -> bool {
        self.code.is_used()
    }

    /// Its code need not be there for whoever comes next. It is gone when nobody runs it and the caller drops it.
    pub(super) fn let_go(&self) -> Option<Arc<Revision>> {
        self.code.let_go()
    }
}

impl Deployments {
    /// Lets the code of all revisions go that no actor is to run.
    pub(super) fn let_go_of_code(&self) {
        let kinds: Vec<_> = self.kinds.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        kinds.iter().for_each(|deployment| deployment.let_go_of_code());
    }
}

/// Something that is loaded when it is needed, once for all who need it, and kept until it is let go and nobody uses it.
#[derive(Debug)]
struct Shelf<T> {
    places: Mutex<Places<T>>,
    loading: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Places<T> {
    /// For whoever comes next.
    kept: Option<Arc<T>>,
    /// What is used somewhere, also once it was let go.
    latest: Weak<T>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { places: Mutex::new(Places { kept: None, latest: Weak::new() }), loading: tokio::sync::Mutex::default() }
    }
}

impl<T> Shelf<T> {
    fn lock(&self) -> MutexGuard<'_, Places<T>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, value: Arc<T>) {
        let mut places = self.lock();
        places.latest = Arc::downgrade(&value);
        let before = places.kept.replace(value);
        drop(places);
        drop(before);
    }

    /// What is used is kept again, too, for whoever comes after.
    fn at_hand(&self) -> Option<Arc<T>> {
        let mut places = self.lock();
        let value = places.latest.upgrade()?;
        places.kept = Some(Arc::clone(&value));
        Some(value)
    }

    async fn get<Error>(&self, load: impl Future<Output = Result<Arc<T>, Error>>) -> Result<Arc<T>, Error> {
        if let Some(value) = self.at_hand() {
            return Ok(value);
        }
        let _one = self.loading.lock().await;
        if let Some(value) = self.at_hand() {
            return Ok(value);
        }
        let value = load.await?;
        self.put(Arc::clone(&value));
        Ok(value)
    }

    fn let_go(&self) -> Option<Arc<T>> {
        self.lock().kept.take()
    }

    fn is_used(&self) -> bool {
        let places = self.lock();
        places.latest.strong_count() > usize::from(places.kept.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    async fn get(shelf: &Shelf<u32>, value: u32) -> Arc<u32> {
        shelf.get(async { Ok::<_, Infallible>(Arc::new(value)) }).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_kept_is_loaded_once() {
        let shelf = Shelf::default();
        let first = get(&shelf, 1).await;
        assert!(shelf.is_used());
        drop(first);
        assert!(!shelf.is_used());
        assert_eq!(*get(&shelf, 2).await, 1);
        shelf.put(Arc::new(3));
        assert_eq!(*get(&shelf, 2).await, 3);
    }

    #[tokio::test]
    async fn what_was_let_go_stays_for_those_who_use_it_and_is_the_same_for_all() {
        let shelf = Shelf::default();
        let used = get(&shelf, 1).await;
        drop(shelf.let_go());
        assert!(shelf.is_used());
        assert!(Arc::ptr_eq(&used, &get(&shelf, 2).await));
        drop(used);
        // Somebody asked for it, so it was kept once more.
        assert!(!shelf.is_used() && Arc::strong_count(&get(&shelf, 2).await) == 2);
        drop(shelf.let_go());
        assert!(!shelf.is_used() && shelf.at_hand().is_none());
        assert_eq!(*get(&shelf, 2).await, 2);
    }

    #[tokio::test]
    async fn nothing_is_kept_of_what_could_not_be_loaded() {
        let shelf = Shelf::<u32>::default();
        assert_eq!(shelf.get(async { Err("broken") }).await, Err("broken"));
        assert!(shelf.at_hand().is_none());
        assert_eq!(*get(&shelf, 1).await, 1);
    }

    #[tokio::test]
    async fn many_who_come_at_once_wait_for_one_who_loads() {
        let shelf = Shelf::default();
        let (first, second) = tokio::join!(
            shelf.get(async {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(Arc::new(1))
            }),
            get(&shelf, 2),
        );
        assert!(Arc::ptr_eq(&first.unwrap(), &second));
    }
}
