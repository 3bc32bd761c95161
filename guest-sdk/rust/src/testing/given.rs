//! What has happened before the command.

use std::rc::Rc;

use serde::Serialize;

use super::then::Then;
use crate::codec::{self, must};
use crate::instance::{Column, CommandsView, EventsView, Instance};
use crate::turn::Context;
use crate::{Actor, Address, Caller, Codec, Command, Event, StateError, Time};

/// An actor and its history.
#[derive(Debug)]
pub struct Given<A: Actor> {
    pub(super) base: Option<(u32, Vec<u8>)>,
    pub(super) types: Vec<u16>,
    pub(super) payloads: Column,
    pub(super) address: Address,
    now: Time,
    context: Rc<Facts>,
    of: std::marker::PhantomData<A>,
}

/// What the host would tell of a command.
#[derive(Debug, Clone)]
struct Facts {
    caller: Caller,
    headers: Vec<(String, String)>,
}

impl Context for Facts {
    fn caller(&self, _: u32) -> Caller {
        self.caller.clone()
    }

    fn header(&self, _: u32, name: &str) -> Option<String> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone())
    }
}

impl<A: Actor> Default for Given<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Actor> Given<A> {
    /// An actor to which nothing has happened, asked by a client without a name, at the Unix epoch.
    #[must_use]
    pub fn new() -> Self {
        let address = Address { tenant: "default".to_owned(), kind: "kind".to_owned(), key: "key".to_owned() };
        let context = Rc::new(Facts { caller: Caller::Client(String::new()), headers: Vec::new() });
        let (types, payloads) = (Vec::new(), Column::default());
        Self { base: None, types, payloads, address, now: Time::default(), context, of: std::marker::PhantomData }
    }

    /// It has this address.
    #[must_use]
    pub fn address(mut self, tenant: &str, kind: &str, key: &str) -> Self {
        self.address = Address { tenant: tenant.to_owned(), kind: kind.to_owned(), key: key.to_owned() };
        self
    }

    /// The command comes at this time.
    #[must_use]
    pub const fn at(mut self, now: Time) -> Self {
        self.now = now;
        self
    }

    /// The command comes from `caller`.
    #[must_use]
    pub fn caller(mut self, caller: Caller) -> Self {
        Rc::make_mut(&mut self.context).caller = caller;
        self
    }

    /// The command comes with this header; names are lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        Rc::make_mut(&mut self.context).headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// These events have happened, after those given before.
    #[must_use]
    pub fn events(mut self, events: impl IntoIterator<Item = A::Event>) -> Self {
        for event in events {
            self.types.push(event.index());
            must(event.encode(&mut self.payloads.data));
            self.payloads.end_item();
        }
        self
    }

    /// An event is in the journal as older code wrote it.
    ///
    /// # Panics
    /// When this code does not list that version.
    #[must_use]
    #[track_caller]
    pub fn stored(self, name: &str, version: u16, codec: Codec, payload: &impl Serialize) -> Self {
        let mut bytes = Vec::new();
        must(codec::encode_old(payload, codec, &mut bytes));
        self.stored_bytes(name, version, &bytes)
    }

    /// An event is in the journal with exactly this payload.
    ///
    /// # Panics
    /// When this code does not list that version.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub fn stored_bytes(mut self, name: &str, version: u16, payload: &[u8]) -> Self {
        let listed = |it: &crate::EventType| it.name == name && it.version == version;
        let index = A::Event::TYPES.iter().position(listed).and_then(|index| u16::try_from(index).ok());
        let Some(index) = index else {
            panic!("this code cannot replay `{name}` version {version}: it is not among its event types");
        };
        self.types.push(index);
        self.payloads.data.extend_from_slice(payload);
        self.payloads.end_item();
        self
    }

    /// It starts from a snapshot that code with another `STATE_VERSION` captured.
    #[must_use]
    pub fn snapshot(mut self, state_version: u32, codec: Codec, state: &impl Serialize) -> Self {
        self.base = Some((state_version, must(codec::encode_state(state, codec))));
        self
    }

    /// A command comes.
    #[must_use = "say what is expected then"]
    #[track_caller]
    pub fn when(self, command: A::Command) -> Then<A> {
        let mut instance = self.instance();
        let context: Rc<dyn Context> = Rc::<Facts>::clone(&self.context);
        let outcome = instance.handle_typed(command, self.now, context);
        Then::new(self, instance, outcome)
    }

    /// A command comes over the wire: its name, and its payload as it was sent.
    ///
    /// # Panics
    /// When the actor has no command of that name.
    #[must_use = "say what is expected then"]
    #[track_caller]
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub fn when_sent(self, name: &str, payload: &str) -> Then<A> {
        let index = A::Command::TYPES.iter().position(|it| it.name == name).and_then(|index| u16::try_from(index).ok());
        let Some(index) = index else {
            panic!("this actor has no command `{name}`");
        };
        let mut column = Column { data: payload.as_bytes().to_vec(), ends: Vec::new() };
        column.end_item();
        let commands = CommandsView { names: &[index], data: &column.data, ends: &column.ends, now: self.now };
        let mut instance = self.instance();
        let context: Rc<dyn Context> = Rc::<Facts>::clone(&self.context);
        let outcome = instance.handle(commands, context);
        Then::new(self, instance, outcome)
    }

    /// The state that the history leads to.
    ///
    /// # Panics
    /// When the history cannot be replayed.
    #[must_use]
    #[track_caller]
    pub fn state(&self) -> A {
        self.instance().into_state()
    }

    /// The snapshot is not one that this code reads: the host would replay from the first event.
    #[track_caller]
    pub fn then_snapshot_is_unknown(&self) {
        let found = self.try_start().err();
        super::same("answers to the snapshot", &Some(StateError::UnknownVersion), &found, |it| format!("{it:?}"));
    }

    pub(super) fn try_start(&self) -> Result<Instance<A>, StateError> {
        let base = self.base.as_ref().map(|(version, state)| (*version, state.as_slice()));
        Instance::start(self.address.clone(), base)
    }

    /// A fresh instance, before any event.
    #[track_caller]
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub(super) fn started(&self) -> Instance<A> {
        self.try_start().unwrap_or_else(|error| panic!("the actor could not start: {error}"))
    }

    /// A fresh instance with the history replayed.
    #[track_caller]
    pub(super) fn instance(&self) -> Instance<A> {
        let mut instance = self.started();
        self.replay(&mut instance, 0, self.types.len());
        instance
    }

    /// Replays the events from `begin` up to `end`, as one batch.
    #[track_caller]
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub(super) fn replay(&self, instance: &mut Instance<A>, begin: usize, end: usize) {
        let base = begin.checked_sub(1).and_then(|before| self.payloads.ends.get(before)).copied().unwrap_or(0);
        let ends: Vec<u32> =
            self.payloads.ends.iter().take(end).skip(begin).map(|end| end.saturating_sub(base)).collect();
        let types = self.types.get(begin..end).unwrap_or_default();
        let data = self.payloads.data.get(base as usize..).unwrap_or_default();
        if let Err(error) = instance.replay(EventsView { types, data, ends: &ends }) {
            let event = begin + error.event as usize + 1;
            panic!("event {event} could not be replayed: {}", error.reason);
        }
    }

    pub(super) const fn now(&self) -> Time {
        self.now
    }

    pub(super) fn context(&self) -> Rc<dyn Context> {
        Rc::<Facts>::clone(&self.context)
    }

    /// The same actor, with more in its journal.
    pub(super) fn append(&mut self, types: &[u16], payloads: &Column) {
        let mut begin = 0;
        for (&index, &end) in types.iter().zip(&payloads.ends) {
            self.types.push(index);
            self.payloads.data.extend_from_slice(payloads.data.get(begin..end as usize).unwrap_or_default());
            self.payloads.end_item();
            begin = end as usize;
        }
    }
}
