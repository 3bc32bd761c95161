//! An export as a store that can be read.
#![expect(clippy::disallowed_methods, reason = "an export is read only, in the room that owns durable files")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};

use super::index::{Index, Source, frame_at, snapshot_at};
use crate::provider::{
    ActorListing, Append, AppendError, Appending, Catalog, DeleteGuard, EventStore, FrameReader, Head, Provider,
    ReadRange, Snapshot, SnapshotMeta, SnapshotStore, StoreError, Wake,
};
use crate::vocab::{ActorId, Kind, Sequence, Tenant};

/// The histories of a kind, in a file. Whatever would change them is refused.
///
/// Its index is in memory: some tens of bytes for each frame, and each actor's address. Everything else is read when it is
/// asked for.
#[derive(Debug, Clone)]
pub struct ExportProvider {
    file: Arc<ExportFile>,
    index: Arc<Index>,
}

#[derive(Debug)]
struct ExportFile {
    file: File,
    place: String,
}

impl Source for ExportFile {
    fn place(&self) -> &str {
        &self.place
    }

    fn length(&self) -> std::io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.file.read_exact_at(into, at)
    }
}

impl ExportProvider {
    /// Reads an export once, whole: every checksum is verified, and whether anything is missing.
    ///
    /// # Errors
    /// That it cannot be read, is no export, is damaged or cut off, or of a newer format.
    pub fn open(path: &Path) -> Result<Arc<Self>, StoreError> {
        let place = path.display().to_string();
        let failed = |error: std::io::Error| StoreError::Io {
            operation: "opening",
            place: place.clone(),
            reason: error.to_string(),
        };
        let file = ExportFile { file: File::open(path).map_err(failed)?, place: place.clone() };
        let index = Arc::new(Index::read(&file)?);
        Ok(Arc::new(Self { file: Arc::new(file), index }))
    }

    /// How many actors' histories it holds.
    #[must_use]
    pub fn actors_count(&self) -> usize {
        self.index.actors.len()
    }

    /// Does something that reads the file where it may wait.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ExportFile, &Index) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (file, index) = (Arc::clone(&self.file), Arc::clone(&self.index));
        tokio::task::spawn_blocking(move || read(&file, &index)).await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Why nothing is changed.
fn refused() -> StoreError {
    StoreError::Io {
        operation: "writing",
        place: "an export".to_owned(),
        reason: "histories that were exported can only be read".to_owned(),
    }
}

impl EventStore for ExportProvider {
    fn append(&self, _: Append) -> Appending {
        ready(Err(AppendError::Failed(refused()))).boxed()
    }

    fn read(&self, actor: ActorId, range: ReadRange) -> Box<dyn FrameReader> {
        Box::new(Reader { provider: self.clone(), actor, range })
    }

    fn head(&self, actor: ActorId) -> BoxFuture<'_, Result<Head, StoreError>> {
        let head = self.index.actors.get(&actor).map(|entry| entry.head.into());
        ready(Ok(head.unwrap_or_default())).boxed()
    }

    fn delete_through(&self, _: ActorId, _: Sequence, _: DeleteGuard) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Err(refused())).boxed()
    }

    fn actors(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ActorListing>, StoreError>> {
        let (tenant, kind) = (tenant.as_str(), kind.as_str());
        let from = (tenant.to_owned(), kind.to_owned(), after.unwrap_or_default().to_owned());
        let names = self.index.names.range(from..);
        let own = names.take_while(|((of, of_kind, _), _)| of == tenant && of_kind == kind);
        let behind = own.filter(|((_, _, key), _)| after.is_none_or(|after| key.as_str() > after));
        let listed = behind.filter_map(|(_, id)| self.index.actors.get(id)).take(limit);
        let listed =
            listed.map(|entry| ActorListing { address: Arc::clone(&entry.address), sequence: entry.head.sequence });
        ready(Ok(listed.collect())).boxed()
    }

    fn wakes(&self) -> BoxFuture<'_, Result<Vec<Wake>, StoreError>> {
        ready(Ok(Vec::new())).boxed()
    }
}

/// A read in progress.
struct Reader {
    provider: ExportProvider,
    actor: ActorId,
    range: ReadRange,
}

impl FrameReader for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<crate::frame::Frame>>, StoreError>> {
        async move {
            let (actor, range) = (self.actor, self.range);
            let read = move |file: &ExportFile, index: &Index| {
                let Some(entry) = index.actors.get(&actor) else { return Ok(Vec::new()) };
                let begin = entry.frames.partition_point(|(_, last, _)| *last < range.from);
                let mut frames = Vec::new();
                let mut bytes = 0_usize;
                for (first, _, place) in entry.frames.get(begin..).unwrap_or_default() {
                    if *first > range.through || bytes >= range.batch_bytes {
                        break;
                    }
                    let frame = frame_at(file, *place)?;
                    bytes = bytes.saturating_add(frame.bytes().len());
                    frames.push(frame);
                }
                Ok(frames)
            };
            let frames = if range.from > range.through { Vec::new() } else { self.provider.reading(read).await? };
            let Some(last) = frames.last() else { return Ok(None) };
            self.range.from = last.header().last().next();
            if last.header().last() == Sequence::MAX {
                self.range.through = Sequence::ZERO;
            }
            Ok(Some(frames))
        }
        .boxed()
    }
}

impl SnapshotStore for ExportProvider {
    fn save_snapshot(&self, _: Snapshot) -> BoxFuture<'static, Result<(), StoreError>> {
        ready(Err(refused())).boxed()
    }

    fn load_snapshot(&self, actor: ActorId, at_most: Sequence) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        self.reading(move |file, index| {
            let Some(entry) = index.actors.get(&actor) else { return Ok(None) };
            let Some((meta, place)) = entry.snapshots.iter().rev().find(|(meta, _)| meta.sequence <= at_most) else {
                return Ok(None);
            };
            let (state, ledger) = snapshot_at(file, *place)?;
            Ok(Some(Snapshot { address: Arc::clone(&entry.address), meta: meta.clone(), state, ledger }))
        })
        .boxed()
    }

    fn list_snapshots(&self, actor: ActorId) -> BoxFuture<'_, Result<Vec<SnapshotMeta>, StoreError>> {
        let snapshots = self.index.actors.get(&actor).map(|entry| entry.snapshots.as_slice()).unwrap_or_default();
        ready(Ok(snapshots.iter().rev().map(|(meta, _)| meta.clone()).collect())).boxed()
    }

    fn delete_snapshot(&self, _: ActorId, _: Sequence) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Err(refused())).boxed()
    }
}

impl Catalog for ExportProvider {
    fn put_record(&self, _: &str, _: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        ready(Err(refused())).boxed()
    }

    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        ready(Ok(self.index.catalog.get(key).cloned())).boxed()
    }

    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let keys = self.index.catalog.keys().filter(|key| key.starts_with(prefix)).cloned();
        ready(Ok(keys.collect())).boxed()
    }

    fn delete_record(&self, _: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        ready(Err(refused())).boxed()
    }
}

impl Provider for ExportProvider {
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}
