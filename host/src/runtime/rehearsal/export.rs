//! The histories of a kind as an export: what a rehearsal needs of them, to be read elsewhere. The active revision's component goes
//! with them, the event types of all revisions, and of each actor everything that is kept.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, watch};

use super::RehearsalOptions;
use super::choose::{Choice, Walk, choose};
use super::heard::{End, Out, give, work_while_heard};
use super::places::Place;
use crate::actor::{AskError, Pacer, Stage};
use crate::provider::export::{EXPORT_HEADER, ExportRecord, ExportedHead};
use crate::provider::{ReadRange, StoreError};
use crate::runtime::Host;
use crate::runtime::deployment::Deployment;
use crate::runtime::tenancy::Tenants;
use crate::vocab::{ActorId, Address, Kind, Sequence, Tenant};

/// Chunks that wait for a slow reader.
const CHUNKS_MAX: usize = 2;
/// Small records are given out together, in chunks of about this size.
const CHUNK_BYTES: usize = /* 64 KiB */ 64 * 1_024;
/// Bytes of frames that are read at a time.
const READ_BYTES: usize = /* 256 KiB */ 256 * 1_024;

/// An export under way: its bytes. Dropping it ends the export.
#[derive(Debug)]
pub struct Export {
    chunks: mpsc::Receiver<Result<Bytes, AskError>>,
}

impl Export {
    /// The next bytes; `None` after the last. Bytes without their end are told as such by whoever reads them.
    ///
    /// # Errors
    /// What ended the export; then there are no more.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AskError> {
        self.chunks.recv().await.transpose()
    }
}

impl Host {
    /// Gives out histories of a kind so that a component can be rehearsed on them elsewhere. Of the options, `actors` and
    /// `after` count. It has a rehearsal's place and takes a rehearsal's share of the time.
    ///
    /// # Errors
    /// When the tenant or kind is unknown, or the tenant or others rehearse already.
    pub fn export(&self, tenant: &Tenant, kind: &Kind, options: RehearsalOptions) -> Result<Export, AskError> {
        let inner = self.inner();
        if !self.is_ready() {
            return Err(AskError::ShuttingDown);
        }
        let deployment = inner.deployments.find(tenant, kind)?;
        let place = inner.rehearsals.enter(tenant)?;
        let (out, chunks) = mpsc::channel(CHUNKS_MAX);
        let exporting = Exporting {
            stage: Arc::clone(&inner.stage),
            tenants: Arc::clone(&inner.tenants),
            deployment,
            tenant: tenant.clone(),
            kind: kind.clone(),
            options,
            pacer: Pacer::new(inner.rehearsals.cpu_share),
            out: Chunks { chunks: out, waiting: BytesMut::new() },
            counts: (0, 0, 0),
        };
        inner.spawn(exporting.start(place, inner.closing.subscribe()));
        Ok(Export { chunks })
    }
}

struct Exporting {
    stage: Arc<Stage>,
    tenants: Arc<Tenants>,
    deployment: Arc<Deployment>,
    tenant: Tenant,
    kind: Kind,
    options: RehearsalOptions,
    pacer: Pacer,
    out: Chunks,
    /// Actors, frames, snapshots.
    counts: (u64, u64, u64),
}

/// Where the bytes go.
struct Chunks {
    chunks: Out<Bytes>,
    waiting: BytesMut,
}

impl Chunks {
    async fn give(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), End> {
        let chunk = self.waiting.split().freeze();
        give(&self.chunks, chunk).await
    }
}

impl Exporting {
    async fn start(mut self, place: Place, closing: watch::Receiver<bool>) {
        let (tenant, out) = (self.tenant.clone(), self.out.chunks.clone());
        work_while_heard((&tenant, place), out, closing, self.run()).await;
    }

    async fn run(&mut self) -> Result<(), End> {
        self.out.give(&EXPORT_HEADER).await?;
        let walk = Walk::new(&self.stage.provider, &self.tenant, &self.kind);
        let Choice { mut chosen, .. } = choose(walk, &self.options, &self.pacer).await?;
        while let Some(page) = chosen.next().await? {
            for address in &page {
                self.give_actor(address).await?;
            }
        }
        // Last, so that it has every revision that wrote what was given.
        self.give_catalog().await?;
        let (actors, frames, snapshots) = self.counts;
        self.give(&ExportRecord::End { actors, frames, snapshots }).await?;
        self.out.flush().await
    }

    async fn give(&mut self, record: &ExportRecord) -> Result<(), End> {
        self.out.give(&record.encode()?).await
    }

    /// The tenant's own record, the kind's revisions, and the code that actors run.
    async fn give_catalog(&mut self) -> Result<(), End> {
        let mut keys = vec![Tenants::place(&self.tenant)];
        keys.extend(self.deployment.catalog_keys());
        for key in keys {
            self.give_record(key).await?;
        }
        Ok(())
    }

    async fn give_record(&mut self, key: String) -> Result<(), End> {
        match self.stage.provider.record(&key).await? {
            Some(value) => self.give(&ExportRecord::Catalog { key, value }).await,
            None => Ok(()),
        }
    }

    async fn give_actor(&mut self, address: &Address) -> Result<(), End> {
        self.tenants.known(&self.tenant)?;
        self.pacer.rest().await;
        let (id, provider) = (address.id(), Arc::clone(&self.stage.provider));
        let head = provider.head(id).await?;
        // What is deleted for good has no history, and cannot come back.
        if head.sequence <= head.deleted_through && provider.list_snapshots(id).await?.is_empty() {
            return Ok(());
        }
        self.counts.0 = self.counts.0.saturating_add(1);
        self.give_record(crate::runtime::trouble::skips_place(&self.tenant, id)).await?;
        let ends = ExportedHead { sequence: head.sequence, deleted_through: head.deleted_through };
        self.give(&ExportRecord::Actor { address: address.clone(), head: ends }).await?;
        self.give_snapshots(id, ends).await?;
        let range = ReadRange { from: head.deleted_through.next(), through: head.sequence, batch_bytes: READ_BYTES };
        let mut reader = provider.read(id, range);
        while let Some(frames) = reader.next().await? {
            for frame in frames {
                self.counts.1 = self.counts.1.saturating_add(1);
                self.give(&ExportRecord::Frame(frame.bytes().clone())).await?;
            }
            self.pacer.rest().await;
        }
        Ok(())
    }

    /// The snapshots that a recovery could use, the oldest first.
    async fn give_snapshots(&mut self, id: ActorId, head: ExportedHead) -> Result<(), End> {
        let provider = Arc::clone(&self.stage.provider);
        for meta in provider.list_snapshots(id).await?.into_iter().rev() {
            let at = meta.sequence;
            if at == Sequence::ZERO || at < head.deleted_through || at > head.sequence {
                continue;
            }
            match provider.load_snapshot(id, at).await {
                Ok(Some(snapshot)) if snapshot.meta.sequence == at => {
                    self.counts.2 = self.counts.2.saturating_add(1);
                    self.give(&ExportRecord::of_snapshot(&snapshot)).await?;
                }
                // It is retired meanwhile, or no recovery could use it either.
                Ok(_) | Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
