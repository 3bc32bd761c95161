//! The calls of the contract as component exports, and its imports.

pub mod bindings;

use std::fmt;
use std::rc::Rc;
use std::sync::Once;

use bindings::exports::greenroom::actor::behavior::{
    CommandBatch, EventBatch, Guest as Behavior, Manifest, OutcomeBatch, ReplayError, Snapshot, StartError,
};
use bindings::exports::greenroom::actor::inspect::Guest as Inspect;
use bindings::greenroom::actor::types::{self, CommandType, EventType};
use bindings::greenroom::actor::{context, effects, log};

use crate::instance::{CommandsView, EventsView, Instance, Outcome};
use crate::log::Level;
use crate::turn::Context;
use crate::{Actor, Address, Caller, Command, Effect, Event, StateError, Time};

/// Where a component keeps its one instance.
pub type Slot<A> = Option<Instance<A>>;

/// A component: an actor and the place of its instance. `export!` implements it.
pub trait Exported: 'static {
    /// What is exported.
    type Actor: Actor;

    /// Lends the place of the instance.
    fn with_slot<R>(visit: impl FnOnce(&mut Slot<Self::Actor>) -> R) -> R;
}

#[expect(clippy::expect_used, reason = "the host broke the life cycle: nothing sensible can be answered")]
fn with_instance<E: Exported, R>(visit: impl FnOnce(&mut Instance<E::Actor>) -> R) -> R {
    E::with_slot(|slot| visit(slot.as_mut().expect("`start` comes first")))
}

type CommandOf<E> = <<E as Exported>::Actor as Actor>::Command;
type EventOf<E> = <<E as Exported>::Actor as Actor>::Event;

impl<E: Exported> Behavior for E {
    fn describe() -> Manifest {
        report_panics();
        let command = |it: &crate::CommandType| CommandType { name: it.name.to_owned(), read_only: it.read_only };
        let event = |it: &crate::EventType| EventType { name: it.name.to_owned(), version: it.version };
        Manifest {
            commands: CommandOf::<E>::TYPES.iter().map(command).collect(),
            events: EventOf::<E>::TYPES.iter().map(event).collect(),
            state_version: E::Actor::STATE_VERSION,
        }
    }

    fn start(address: types::Address, base: Option<Snapshot>) -> Result<(), StartError> {
        report_panics();
        let base = base.as_ref().map(|snapshot| (snapshot.state_version, snapshot.state.as_slice()));
        let instance = Instance::start(address.into(), base).map_err(|error| match error {
            StateError::UnknownVersion => StartError::UnknownStateVersion,
            other => StartError::Failed(other.to_string()),
        })?;
        E::with_slot(|slot| *slot = Some(instance));
        Ok(())
    }

    fn replay(events: EventBatch) -> Result<(), ReplayError> {
        let view = EventsView { types: &events.types, data: &events.payloads.data, ends: &events.payloads.ends };
        with_instance::<E, _>(|instance| instance.replay(view))
            .map_err(|error| ReplayError { event: error.event, reason: error.reason })
    }

    fn recovered() {}

    fn handle(commands: CommandBatch) -> OutcomeBatch {
        let view = CommandsView {
            names: &commands.names,
            data: &commands.payloads.data,
            ends: &commands.payloads.ends,
            now: Time::from_ms(commands.now),
        };
        let outcome = with_instance::<E, _>(|instance| instance.handle(view, Rc::new(HostContext)));
        outcome.into()
    }

    fn capture() -> Result<Snapshot, String> {
        let state = with_instance::<E, _>(|instance| instance.capture())?;
        Ok(Snapshot { state_version: E::Actor::STATE_VERSION, state })
    }
}

impl<E: Exported> Inspect for E {
    fn state_as_json() -> String {
        with_instance::<E, _>(|instance| instance.state_as_json())
    }

    fn event_as_json(event: u16, payload: Vec<u8>) -> Result<String, String> {
        EventOf::<E>::to_json(event, &payload).map_err(|error| error.to_string())
    }
}

impl From<Outcome> for OutcomeBatch {
    fn from(outcome: Outcome) -> Self {
        for (command, effect) in outcome.effects {
            ask_host(command, effect);
        }
        Self {
            appended: outcome.appended,
            events: EventBatch { types: outcome.types, payloads: column(outcome.payloads) },
            verdicts: outcome.verdicts,
            replies: column(outcome.replies),
        }
    }
}

fn ask_host(command: u32, effect: Effect) {
    match effect {
        Effect::Tell { to, name, payload } => effects::tell(command, &to.into(), &name, &payload),
        Effect::Schedule { timer, at, name, payload } => {
            effects::schedule(command, &timer, at.as_ms(), &name, &payload);
        }
        Effect::Cancel { timer } => effects::cancel(command, &timer),
        Effect::RequestSnapshot => effects::request_snapshot(),
        Effect::Passivate => effects::passivate(),
    }
}

fn column(column: crate::instance::Column) -> types::Column {
    types::Column { data: column.data, ends: column.ends }
}

impl From<types::Address> for Address {
    fn from(address: types::Address) -> Self {
        Self { tenant: address.tenant, kind: address.kind, key: address.key }
    }
}

impl From<Address> for types::Address {
    fn from(address: Address) -> Self {
        Self { tenant: address.tenant, kind: address.kind, key: address.key }
    }
}

/// The facts that the host tells.
struct HostContext;

impl Context for HostContext {
    fn caller(&self, command: u32) -> Caller {
        match context::caller(command) {
            context::Origin::Client(name) => Caller::Client(name),
            context::Origin::Actor(address) => Caller::Actor(address.into()),
            context::Origin::Timer(name) => Caller::Timer(name),
        }
    }

    fn header(&self, command: u32, name: &str) -> Option<String> {
        context::header(command, name)
    }
}

pub(crate) fn write_log(level: Level, message: fmt::Arguments<'_>) {
    let level = match level {
        Level::Trace => log::Level::Trace,
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    match message.as_str() {
        Some(text) => log::write(level, text),
        None => log::write(level, &message.to_string()),
    }
}

/// From here on a panic leaves its message and place in the host's log, and nothing on standard error.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| write_log(Level::Error, format_args!("{panic}"))));
    });
}
