//! What a handler may do while it decides.

use std::fmt;
use std::rc::Rc;

use serde::Serialize;

use crate::codec;
use crate::{Actor, Address, Answer, Caller, Command, Effect, Time};

/// Facts about commands that are fetched only when asked for.
#[doc(hidden)]
pub trait Context {
    fn caller(&self, command: u32) -> Caller;
    fn header(&self, command: u32, name: &str) -> Option<String>;
}

/// One command being handled: what it knows of its world, and what it appends and asks for.
///
/// All of it is a buffer: nothing is applied, stored or sent unless `handle` returns `Ok`.
pub struct Turn<A: Actor> {
    pub(crate) now: Time,
    pub(crate) command: u32,
    pub(crate) type_index: u16,
    pub(crate) events: Vec<A::Event>,
    pub(crate) effects: Vec<Effect>,
    address: Rc<Address>,
    context: Rc<dyn Context>,
}

impl<A: Actor> Turn<A> {
    pub(crate) fn new(now: Time, address: Rc<Address>, context: Rc<dyn Context>) -> Self {
        Self { now, command: 0, type_index: 0, events: Vec::new(), effects: Vec::new(), address, context }
    }

    /// Records that something happened. It is applied after `handle` returns `Ok`.
    ///
    /// # Panics
    /// In a read-only command: the turn is lost, and the host's log says which command it was.
    pub fn append(&mut self, event: A::Event) {
        self.refuse_if_read_only("append an event");
        self.events.push(event);
    }

    /// Answers with what `reply` makes of the state after this command's events were applied.
    ///
    /// It cannot borrow from `self` of `handle`, which is the state before: move what you need into it.
    pub fn reply(&mut self, reply: impl FnOnce(&A) -> A::Reply + 'static) -> Answer<A> {
        Answer::new(reply)
    }

    /// The host's time of the whole batch. The same for all commands of one turn.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Who this actor is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Another actor of this tenant.
    #[must_use]
    pub fn peer(&self, kind: &str, key: &str) -> Address {
        Address { tenant: self.address.tenant.clone(), kind: kind.to_owned(), key: key.to_owned() }
    }

    /// Who sent this command. Asks the host: call it once.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.context.caller(self.command)
    }

    /// A header that came with this command; names are lower case. Asks the host: call it once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.context.header(self.command, name)
    }

    /// Sends a command to an actor of this tenant after this turn is durable: delivered at least once, handled
    /// once, no reply. `payload` becomes JSON; `&()` is the empty one.
    ///
    /// # Panics
    /// In a read-only command, and when `payload` has no JSON form.
    pub fn tell(&mut self, to: Address, name: &str, payload: &(impl Serialize + ?Sized)) {
        self.refuse_if_read_only("send a command");
        let payload = codec::must(codec::encode_json(payload));
        self.effects.push(Effect::Tell { to, name: name.to_owned(), payload });
    }

    /// Sends this actor `command` at a time (soon, if it is past); replaces the timer of that name.
    ///
    /// # Panics
    /// In a read-only command, and when `command` has no JSON form.
    pub fn schedule(&mut self, timer: &str, at: Time, command: &A::Command)
    where
        A::Command: Serialize,
    {
        self.refuse_if_read_only("set a timer");
        let name = command_name::<A>(command.index()).to_owned();
        let payload = codec::must(codec::encode_json(&codec::Untagged(command)));
        self.effects.push(Effect::Schedule { timer: timer.to_owned(), at, name, payload });
    }

    /// Removes a timer; removing one that is not set does nothing.
    ///
    /// # Panics
    /// In a read-only command.
    pub fn cancel(&mut self, timer: &str) {
        self.refuse_if_read_only("cancel a timer");
        self.effects.push(Effect::Cancel { timer: timer.to_owned() });
    }

    /// Asks for a snapshot after this turn.
    ///
    /// # Panics
    /// In a read-only command.
    pub fn request_snapshot(&mut self) {
        self.refuse_if_read_only("ask for a snapshot");
        self.effects.push(Effect::RequestSnapshot);
    }

    /// Asks to be passivated after this turn.
    ///
    /// # Panics
    /// In a read-only command.
    pub fn passivate(&mut self) {
        self.refuse_if_read_only("ask to be passivated");
        self.effects.push(Effect::Passivate);
    }

    #[expect(clippy::panic, reason = "the actor's code contradicts its manifest: the turn must not be stored")]
    fn refuse_if_read_only(&self, what: &str) {
        if A::Command::TYPES.get(usize::from(self.type_index)).is_some_and(|command| command.read_only) {
            let name = command_name::<A>(self.type_index);
            panic!("command `{name}` is marked #[command(read_only)]: it may not {what}");
        }
    }
}

/// The name of a command of `A`.
pub(crate) fn command_name<A: Actor>(type_index: u16) -> &'static str {
    A::Command::TYPES.get(usize::from(type_index)).map_or("?", |command| command.name)
}

impl<A: Actor> fmt::Debug for Turn<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("command", &command_name::<A>(self.type_index))
            .field("now", &self.now)
            .field("events", &self.events.len())
            .field("effects", &self.effects)
            .finish_non_exhaustive()
    }
}
