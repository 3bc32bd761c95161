//! One deployed kind: its revisions, and the code that new activations run.

use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::DeployedRevision;
use super::deployed::Deployed;
use super::loading::Loader;
use super::revisions::{Gone, revision_key};
use super::rollout::Rollout;
use crate::actor::{Account, Code, KindMetrics, News, Policy, Recorder, RecoveryError, Revision};
use crate::provider::SharedProvider;
use crate::sandbox::{Component, EventType, Manifest};
use crate::vocab::{Address, Digest, Kind, Limits, RevisionId, Tenant, Timestamp};

/// What the catalog keeps of a revision. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredRevision {
    /// The first layout.
    V1(RevisionRecord),
    /// The revision was removed; none of its kind gets its number again, and none at all its id.
    Removed { id: u32, tenant: String, kind: String, number: u32 },
}

/// One revision as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RevisionRecord {
    pub(super) id: u32,
    pub(super) tenant: String,
    pub(super) kind: String,
    pub(super) number: u32,
    pub(super) digest: [u8; 32],
    pub(super) component_bytes: u64,
    pub(super) deployed_at: u64,
    /// Name and whether it is read-only.
    pub(super) commands: Vec<(String, bool)>,
    /// Name and version; the position is the index that frames carry.
    pub(super) events: Vec<(String, u16)>,
    pub(super) state_version: u32,
}

impl RevisionRecord {
    pub(super) const fn id(&self) -> RevisionId {
        RevisionId(self.id)
    }

    /// Where the component's bytes are in the catalog.
    pub(super) fn component_key(&self) -> String {
        component_key(&Digest(self.digest))
    }

    pub(super) fn event_types(&self) -> impl Iterator<Item = EventType> {
        self.events.iter().map(|(name, version)| EventType { name: name.clone(), version: *version })
    }

    pub(super) fn manifest(&self) -> Manifest {
        let command = |(name, read_only): &(String, bool)| crate::sandbox::CommandType {
            name: name.clone(),
            read_only: *read_only,
        };
        Manifest {
            commands: self.commands.iter().map(command).collect(),
            events: self.event_types().collect(),
            state_version: self.state_version,
        }
    }

    /// The revision as people see it.
    pub(super) fn view(&self, active: bool) -> DeployedRevision {
        DeployedRevision {
            kind: self.kind.clone(),
            revision: self.number,
            digest: Digest(self.digest).to_string(),
            component_bytes: self.component_bytes,
            deployed_at: Timestamp(self.deployed_at),
            active,
            manifest: self.manifest(),
            diff: None,
        }
    }
}

/// What the keys of components in the catalog begin with.
pub(super) const COMPONENT_PREFIX: &str = "component/";

/// Where a component's bytes are in the catalog.
pub(super) fn component_key(digest: &Digest) -> String {
    format!("{COMPONENT_PREFIX}{digest}")
}

/// One deployed kind of a tenant.
pub(crate) struct Deployment {
    provider: SharedProvider,
    loader: Arc<Loader>,
    tenant: Tenant,
    policy: Policy,
    account: Arc<Account>,
    /// The bounds of actors that are brought on stage from now on.
    limits: RwLock<Arc<Limits>>,
    metrics: KindMetrics,
    /// Which of the revisions each actor is to run.
    pub(super) rollout: Rollout,
    recorder: Recorder,
    /// Oldest first.
    revisions: RwLock<Vec<Arc<Deployed>>>,
    /// The highest revision that was removed, if none is higher.
    gone: RwLock<Option<Gone>>,
}

impl Deployment {
    pub(super) fn new(
        tenant: &Tenant,
        kind: &Kind,
        policy: Policy,
        (limits, account, rollout): (Limits, Arc<Account>, Rollout),
        provider: SharedProvider,
        loader: Arc<Loader>,
        recorder: Recorder,
    ) -> Self {
        let metrics = KindMetrics::new(tenant, kind);
        Self {
            provider,
            loader,
            tenant: tenant.clone(),
            policy,
            account,
            limits: RwLock::new(Arc::new(limits)),
            metrics,
            rollout,
            recorder,
            revisions: RwLock::default(),
            gone: RwLock::default(),
        }
    }

    /// Changes the bounds of actors that are brought on stage from now on; false if these are those they have.
    pub(super) fn set_limits(&self, limits: Limits) -> bool {
        let mut current = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        let differs = **current != limits;
        if differs {
            *current = Arc::new(limits);
        }
        differs
    }

    /// Adds a revision. Of a kind of which no rollout said anything else, the newest one is the stable one.
    pub(super) fn add(&self, deployed: Deployed) {
        self.loader.note_deployed(Digest(deployed.record.digest));
        self.revisions.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(deployed));
    }

    /// The revisions, oldest first.
    pub(super) fn revisions(&self) -> Vec<Arc<Deployed>> {
        self.revisions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The highest number that a revision of the kind has or had; zero: none was deployed.
    pub(super) fn highest_number(&self) -> u32 {
        let gone = self.gone().map_or(0, |gone| gone.number);
        self.newest().map_or(gone, |newest| newest.record.number.max(gone))
    }

    /// The highest revision that was removed, where the catalog says so.
    pub(super) fn gone(&self) -> Option<Gone> {
        *self.gone.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalog says from now on which was the highest that was removed; what it said before.
    pub(super) fn note_gone(&self, gone: Option<Gone>) -> Option<Gone> {
        let mut noted = self.gone.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *noted, gone)
    }

    /// Takes a revision out, if nobody but its caller holds it or its code.
    ///
    /// # Errors
    /// Who does, in words; then it is still there.
    pub(super) fn take_out(&self, deployed: Arc<Deployed>) -> Result<Arc<Deployed>, String> {
        let id = deployed.record.id;
        let mut revisions = self.revisions.write().unwrap_or_else(PoisonError::into_inner);
        revisions.retain(|it| it.record.id != id);
        drop(revisions);
        // Nobody finds it from here on; who found it before still holds it.
        if Arc::strong_count(&deployed) > 1 || deployed.is_running() {
            self.put_back(deployed);
            return Err("somebody looks at it or runs it at this moment; try again".to_owned());
        }
        Ok(deployed)
    }

    /// Puts a revision back to its place.
    pub(super) fn put_back(&self, deployed: Arc<Deployed>) {
        let mut revisions = self.revisions.write().unwrap_or_else(PoisonError::into_inner);
        let at = revisions.partition_point(|it| it.record.id < deployed.record.id);
        revisions.insert(at, deployed);
    }

    /// The revision that has these bytes.
    pub(super) fn with_digest(&self, digest: Digest) -> Option<RevisionRecord> {
        let revisions = self.revisions.read().unwrap_or_else(PoisonError::into_inner);
        revisions.iter().map(|deployed| &deployed.record).find(|record| record.digest == digest.0).cloned()
    }

    /// Lets the code of revisions go that no actor is to run; whoever runs it still has it.
    pub(super) fn let_go_of_code(&self) {
        let needed = [self.active_id(), self.stable()];
        let is_idle = |deployed: &&Arc<Deployed>| {
            let id = deployed.record.id();
            !needed.contains(&id) && !self.rollout.is_candidate(id) && !self.rollout.needs(id)
        };
        let revisions = self.revisions.read().unwrap_or_else(PoisonError::into_inner);
        let let_go: Vec<_> = revisions.iter().filter(is_idle).filter_map(|deployed| deployed.let_go()).collect();
        // What it frees is large: not under a lock.
        drop(revisions);
        drop(let_go);
    }

    pub(super) fn newest(&self) -> Option<Arc<Deployed>> {
        self.revisions.read().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    fn newest_id(&self) -> RevisionId {
        self.newest().map_or_else(RevisionId::default, |deployed| deployed.record.id())
    }

    /// A revision by its number within the kind.
    pub(super) fn numbered(&self, number: u32) -> Option<Arc<Deployed>> {
        let revisions = self.revisions.read().unwrap_or_else(PoisonError::into_inner);
        revisions.iter().find(|deployed| deployed.record.number == number).cloned()
    }

    pub(super) fn find(&self, id: RevisionId) -> Option<Arc<Deployed>> {
        let revisions = self.revisions.read().unwrap_or_else(PoisonError::into_inner);
        revisions.iter().find(|deployed| deployed.record.id() == id).cloned()
    }

    /// The active revision's record.
    pub(super) fn active(&self) -> Option<RevisionRecord> {
        self.find(self.active_id()).map(|deployed| deployed.record.clone())
    }

    /// Whether the active revision says that a command stores nothing.
    pub(super) fn is_read_only(&self, command: &str) -> bool {
        let named =
            |record: &RevisionRecord| record.commands.iter().any(|(name, read_only)| *read_only && name == command);
        self.find(self.active_id()).is_some_and(|deployed| named(&deployed.record))
    }

    /// Where the catalog keeps what a replay of this kind needs: every revision's record, which of them is active, and its
    /// component.
    pub(super) fn catalog_keys(&self) -> Vec<String> {
        let revisions = self.revisions();
        let records = revisions.iter().map(|deployed| revision_key(deployed.record.id));
        let component = self.active().map(|record| record.component_key());
        let rollout = self.rollout.record().map(|record| record.place());
        component.into_iter().chain(records).chain(rollout).collect()
    }

    /// The id of the active revision: what actors run unless a rollout chose them for another one.
    pub(super) fn active_id(&self) -> RevisionId {
        self.rollout.active(self.newest_id())
    }

    /// The number of the revision that an actor is to run.
    pub(super) fn assigned_number(&self, address: &Address) -> Option<u32> {
        self.number_of(self.assigned(address))
    }

    /// Name and version of an event type, by the revision that wrote it and its index there.
    pub(super) fn named(&self, written_by: RevisionId, index: u16) -> Option<(String, u16)> {
        let deployed = self.find(written_by)?;
        deployed.event_types.get(usize::from(index)).map(|event| (event.name.clone(), event.version))
    }

    /// The number of a revision within this kind.
    pub(super) fn number_of(&self, id: RevisionId) -> Option<u32> {
        self.find(id).map(|deployed| deployed.record.number)
    }

    async fn load(&self, record: &RevisionRecord) -> Result<Component, RecoveryError> {
        let bytes = self.provider.record(&record.component_key()).await?;
        let Some(bytes) = bytes else {
            let reason = format!("the component of revision {} is missing from the store", record.number);
            return Err(RecoveryError::Loading(reason));
        };
        Ok(self.loader.load_again(&self.tenant, bytes).await?)
    }
}

impl Code for Deployment {
    fn assigned(&self, address: &Address) -> RevisionId {
        self.rollout.assigned(address, self.newest_id())
    }

    fn stable(&self) -> RevisionId {
        self.rollout.stable(self.newest_id())
    }

    fn is_only(&self, revision: RevisionId) -> bool {
        let revisions = self.revisions.read().unwrap_or_else(PoisonError::into_inner);
        revisions.iter().all(|deployed| deployed.record.id() == revision)
    }

    fn knows_every_event_type(&self, revision: RevisionId) -> bool {
        let Some(known) = self.event_types(revision) else { return false };
        self.revisions().iter().all(|other| other.event_types.iter().all(|event| known.contains(event)))
    }

    fn revision(&self, id: RevisionId) -> BoxFuture<'_, Result<Arc<Revision>, RecoveryError>> {
        Box::pin(async move {
            let Some(deployed) = self.find(id) else {
                return Err(RecoveryError::Loading(format!("its kind has no revision of the id {id}")));
            };
            deployed.code(self.load(&deployed.record)).await
        })
    }

    fn is_rolling(&self) -> bool {
        self.rollout.is_rolling()
    }

    fn note(&self, address: &Address, news: News) {
        self.rollout.note(address, news);
    }

    fn event_types(&self, revision: RevisionId) -> Option<Arc<[EventType]>> {
        self.find(revision).map(|deployed| Arc::clone(&deployed.event_types))
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn metrics(&self) -> &KindMetrics {
        &self.metrics
    }
}

/// Bytes of the catalog are a revision or an error; see `fuzzing`.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_revision(bytes: &[u8]) {
    use crate::frame::codec;
    let Ok(stored) = codec::decode::<StoredRevision>(bytes) else { return };
    let again = codec::encode(&stored).ok().and_then(|bytes| codec::decode::<StoredRevision>(&bytes).ok());
    assert!(again.is_some_and(|again| again == stored), "a revision is not read as it is written");
    if let StoredRevision::V1(record) = stored {
        let _looked = (record.view(true), record.component_key());
    }
}
