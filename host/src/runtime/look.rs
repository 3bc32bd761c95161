//! Looking at an actor without touching it: state at a number, events as JSON. Runs in instances of its own.

use std::sync::Arc;

use super::deployment::Deployment;
use super::feed::json;
use super::{AskError, EventView, RequestError, StateView};
use crate::actor::{Code as _, EventTypeOf, Recovery, Revision, Stage, describe_changes};
use crate::frame::{Frame, FrameHeader};
use crate::sandbox::{Instance, InstanceOptions, Moment, Permit, Share};
use crate::vocab::{Address, RevisionId, Sequence, Timestamp};

/// The type under which events of the host are shown.
const HOST_EVENT_TYPE: &str = "greenroom.effects";

/// The state as of a number (`None`: the newest durable one).
///
/// # Errors
/// When the number is not in the journal, or the replay fails.
pub(super) async fn state_at(
    stage: Arc<Stage>,
    code: Arc<Deployment>,
    address: Arc<Address>,
    at: Option<Sequence>,
) -> Result<StateView, AskError> {
    let head = stage.provider.head(address.id()).await?;
    if head.sequence == Sequence::ZERO {
        return Err(RequestError::UnknownActor(address.to_string()).into());
    }
    let asked = at.unwrap_or(head.sequence);
    let oldest = oldest_state(&stage, &address, head.deleted_through).await?;
    if asked > head.sequence || asked < oldest {
        let (first, last) = (oldest, head.sequence);
        return Err(RequestError::SequenceOutOfRange { asked, first, last }.into());
    }
    let limits = code.limits();
    let recovery = Recovery { through: asked, ..Recovery::silent(&stage, code.as_ref(), &address, &limits) };
    let mut recovered = Box::pin(recovery.run()).await.map_err(AskError::from)?;
    let permit = recovered.instance.share().enter().await;
    let state = recovered.instance.with(Some(permit)).state_as_json().map_err(AskError::Guest)?;
    Ok(StateView { sequence: asked, revision: recovered.revision.number, state: json(state)? })
}

/// The lowest number whose state can still be rebuilt: zero while all history is kept, else the oldest snapshot
/// at or after the deleted prefix.
async fn oldest_state(stage: &Stage, address: &Address, deleted_through: Sequence) -> Result<Sequence, AskError> {
    if deleted_through == Sequence::ZERO {
        return Ok(Sequence::ZERO);
    }
    let snapshots = stage.provider.list_snapshots(address.id()).await?;
    let usable = snapshots.iter().map(|meta| meta.sequence).filter(|sequence| *sequence >= deleted_through);
    Ok(usable.min().unwrap_or(deleted_through))
}

/// Renders events with the active revision's code.
pub(super) struct Renderer {
    code: Arc<Deployment>,
    revision: Arc<Revision>,
    address: Arc<Address>,
    share: Share,
    instance: Option<Instance>,
}

impl Renderer {
    /// # Errors
    /// When the code cannot be loaded.
    pub(super) async fn new(code: Arc<Deployment>, address: Arc<Address>) -> Result<Self, AskError> {
        let revision = code.revision(code.active_id()).await?;
        let share = revision.component.share(&address.tenant);
        Ok(Self { code, revision, address, share, instance: None })
    }

    /// Goes on with the code that is active now.
    ///
    /// # Errors
    /// When the code cannot be loaded.
    pub(super) async fn refresh(&mut self) -> Result<(), AskError> {
        self.use_revision(self.code.active_id()).await
    }

    async fn use_revision(&mut self, id: RevisionId) -> Result<(), AskError> {
        if id != self.revision.id {
            self.revision = self.code.revision(id).await?;
            self.instance = None;
        }
        Ok(())
    }

    /// Gives the instance back until the next event is rendered: whoever waits must not keep a place from an actor.
    pub(super) fn rest(&mut self) {
        self.instance = None;
    }

    /// One event of a frame: its number, its type index and its payload.
    ///
    /// # Errors
    /// When its type is unknown, or the guest fails at it.
    pub(super) async fn render(
        &mut self,
        frame: &Frame,
        sequence: Sequence,
        index: u16,
        payload: &[u8],
    ) -> Result<EventView, AskError> {
        let (event_type, version, payload) = if index == Frame::HOST_EVENT {
            (HOST_EVENT_TYPE.to_owned(), 1, describe_changes(frame))
        } else {
            self.render_event(frame, index, payload, sequence).await?
        };
        let FrameHeader { time, revision, .. } = *frame.header();
        let revision = self.code.number_of(revision).unwrap_or_default();
        Ok(EventView { sequence, event_type, version, time, revision, payload: json(payload)?, skipped: false })
    }

    /// A skipped event that cannot be shown.
    ///
    /// # Errors
    /// Never in practice: the payload is a JSON text of our own.
    pub(super) fn unreadable(
        &mut self,
        frame: &Frame,
        sequence: Sequence,
        index: u16,
        error: &AskError,
    ) -> Result<EventView, AskError> {
        self.instance = None;
        let FrameHeader { time, revision, .. } = *frame.header();
        let (event_type, version) = self.code.named(revision, index).unwrap_or_else(|| (format!("#{index}"), 0));
        let payload = json(serde_json::json!({ "unreadable": error.to_string() }).to_string())?;
        let revision = self.code.number_of(revision).unwrap_or_default();
        Ok(EventView { sequence, event_type, version, time, revision, payload, skipped: true })
    }

    async fn render_event(
        &mut self,
        frame: &Frame,
        index: u16,
        payload: &[u8],
        sequence: Sequence,
    ) -> Result<(String, u16, String), AskError> {
        let written_by = frame.header().revision;
        let unknown = || AskError::Render(format!("event {sequence} is of a type that no deployed revision declares"));
        let types = self.code.event_types(written_by).ok_or_else(unknown)?;
        let event = types.get(usize::from(index)).ok_or_else(unknown)?;
        let index = match self.revision.remap(written_by, &types).get(index) {
            EventTypeOf::Known(index) => index,
            // Another revision wrote it, and this one does not know it (yet, or any more): that one can show it.
            EventTypeOf::Unknown => {
                self.use_revision(written_by).await?;
                index
            }
        };
        let permit = self.share.enter().await;
        let (instance, permit) = match &mut self.instance {
            Some(instance) => (instance, Some(permit)),
            empty => {
                let (instance, permit) = fresh(&self.revision, &self.address, &self.code, permit)?;
                (empty.insert(instance), permit)
            }
        };
        let rendered = instance.with(permit).event_as_json(index, payload);
        match rendered {
            Ok(Ok(text)) => Ok((event.name.clone(), event.version, text)),
            Ok(Err(reason)) => Err(AskError::Render(format!("event {sequence}: {reason}"))),
            Err(failure) => {
                self.instance = None;
                Err(AskError::Guest(failure))
            }
        }
    }
}

fn fresh(
    revision: &Revision,
    address: &Arc<Address>,
    code: &Deployment,
    permit: Permit,
) -> Result<(Instance, Option<Permit>), AskError> {
    let options = InstanceOptions {
        silent: true,
        limits: Some(code.limits()),
        memory: Some(Arc::clone(&code.account().memory)),
        ..InstanceOptions::of(Arc::clone(address))
    };
    let mut permit = Some(permit);
    let mut instance = revision.component.instantiate_under(options, &mut permit).map_err(AskError::Guest)?;
    let moment = Moment { time: Timestamp(0), sequence: Sequence::ZERO };
    let mut admitted = instance.with(permit);
    let started = admitted.start(moment, None);
    let permit = admitted.finish();
    started.map_err(AskError::Guest)?;
    Ok((instance, permit))
}
