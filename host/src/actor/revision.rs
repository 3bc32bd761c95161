//! One deployed version of a kind, as actors use it.

use std::sync::Arc;

use foldhash::HashMap;

use super::appended::Appended;
use crate::frame::Frame;
use crate::sandbox::{Component, EventType};
use crate::vocab::RevisionId;

/// A revision that is ready to run.
#[derive(Debug)]
pub(crate) struct Revision {
    /// Its store-wide number, which frames carry.
    pub(crate) id: RevisionId,
    /// Its number within the kind, which people see.
    pub(crate) number: u32,
    /// Its compiled code.
    pub(crate) component: Component,
    /// What it appends, for those who look through the journals meanwhile.
    pub(crate) appended: Arc<Appended>,
    commands: HashMap<String, u16>,
    events: HashMap<EventType, u16>,
}

/// How a stored event's type reads in a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventTypeOf {
    /// It has this index there.
    Known(u16),
    /// The revision does not know it.
    Unknown,
}

/// Translates type indices that another revision wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remap {
    /// The first so many indices stay as they are; there are no others.
    Identity(u16),
    /// What each index reads as.
    Table(Vec<EventTypeOf>),
}

impl Remap {
    /// How a stored index reads here. Events of the host are never asked for.
    pub(crate) fn get(&self, index: u16) -> EventTypeOf {
        match self {
            Self::Identity(count) if index < *count => EventTypeOf::Known(index),
            Self::Identity(_) => EventTypeOf::Unknown,
            Self::Table(table) => table.get(usize::from(index)).copied().unwrap_or(EventTypeOf::Unknown),
        }
    }

    /// Whether all of these indices stay as they are.
    pub(crate) fn keeps(&self, indices: &[u16]) -> bool {
        matches!(self, Self::Identity(count) if indices.iter().all(|index| index < count))
    }
}

impl Revision {
    /// Code that is loaded again appends to what it appended before.
    pub(crate) fn new(id: RevisionId, number: u32, component: Component, appended: Arc<Appended>) -> Self {
        let manifest = component.manifest();
        let commands = indexed(manifest.commands.iter().map(|command| command.name.clone()));
        let events = indexed(manifest.events.iter().cloned());
        Self { id, number, appended, commands, events, component }
    }

    /// Code of which nobody compares what it appends.
    pub(crate) fn alone(id: RevisionId, number: u32, component: Component) -> Self {
        let appended = Arc::new(Appended::new(component.manifest().events.len()));
        Self::new(id, number, component, appended)
    }

    /// The index of a command, by name.
    pub(crate) fn command(&self, name: &str) -> Option<u16> {
        self.commands.get(name).copied()
    }

    /// Whether a command says that it stores nothing.
    pub(crate) fn is_read_only(&self, index: u16) -> bool {
        let commands = &self.component.manifest().commands;
        commands.get(usize::from(index)).is_some_and(|command| command.read_only)
    }

    /// The commands there are, for a message.
    pub(crate) fn command_names(&self) -> String {
        let names: Vec<_> = self.component.manifest().commands.iter().map(|command| command.name.as_str()).collect();
        names.join(", ")
    }

    /// Which event types count as key state changes, by index.
    pub(crate) fn event_indices(&self, names: &[String]) -> Vec<u16> {
        let named = |(event, index): (&EventType, &u16)| names.contains(&event.name).then_some(*index);
        self.events.iter().filter_map(named).collect()
    }

    /// How indices of a revision with these event types read in this one.
    pub(crate) fn remap(&self, written_by: RevisionId, types: &Arc<[EventType]>) -> Remap {
        if written_by == self.id {
            return Remap::Identity(index_of(types.len()));
        }
        let read =
            |event: &EventType| self.events.get(event).map_or(EventTypeOf::Unknown, |at| EventTypeOf::Known(*at));
        let table: Vec<_> = types.iter().map(read).collect();
        let identity = table.iter().enumerate().all(|(at, to)| *to == EventTypeOf::Known(index_of(at)));
        if identity { Remap::Identity(index_of(types.len())) } else { Remap::Table(table) }
    }
}

fn indexed<Name: std::hash::Hash + Eq>(names: impl Iterator<Item = Name>) -> HashMap<Name, u16> {
    names.enumerate().map(|(at, name)| (name, index_of(at))).collect()
}

/// Manifests are checked at deploy to have far fewer entries than there are indices.
fn index_of(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(Frame::HOST_EVENT)
}
