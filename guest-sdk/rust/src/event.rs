//! What can happen to an actor.

use crate::codec::{CodecError, Decodable, Encodable};

/// One version of an event as the manifest lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// Its name in the journal.
    pub name: &'static str,
    /// The version of its payload's layout, from 1.
    pub version: u16,
}

/// The events of an actor. Implement it with `#[derive(Event, Serialize, Deserialize)]` on an enum.
///
/// Each variant is an event type. Its name is the variant's in kebab-case, or `#[event(name = "...")]`; its
/// payload is the variant's fields, in bincode, or in JSON with `#[event(json)]` on the variant or the enum.
///
/// The journal is for ever, so a layout that was once appended must stay readable. To change one, raise the
/// variant's version and say how the old payload becomes new events, in order: one, none or many.
/// ```
/// # use serde::{Deserialize, Serialize};
/// #[derive(greenroom::Event, Serialize, Deserialize)]
/// #[event(upcast("opened", 1 = forgotten))] // a type that is no longer appended
/// enum Event {
///     #[event(version = 2, upcast(1 = withdrawn_v1))]
///     Withdrawn { cents: u64, fee_cents: u64 },
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct WithdrawnV1 { dollars: u64 }
///
/// fn withdrawn_v1(old: WithdrawnV1) -> Event {
///     Event::Withdrawn { cents: old.dollars * 100, fee_cents: 0 }
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Opened { name: String }
///
/// fn forgotten(_: Opened) -> Option<Event> {
///     None
/// }
/// ```
/// An old payload is read with its variant's codec (the enum's, for a retired type), or the one that
/// `upcast(1 = f, json)` or `upcast(1 = f, bincode)` names.
///
/// With bincode, serde's `flatten`, `untagged`, `tag` and `skip_serializing_if` do not work inside payloads:
/// they need a self-describing format. Use `#[event(json)]` there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of events",
    note = "write `#[derive(greenroom::Event, serde::Serialize, serde::Deserialize)]` above the enum"
)]
pub trait Event: Encodable + Decodable + 'static {
    /// Every type and version that can be replayed: the variants in order, then the old ones.
    const TYPES: &'static [EventType];

    /// The index in [`TYPES`](Self::TYPES) of this event.
    fn index(&self) -> u16;

    /// Appends the payload to `out`.
    ///
    /// # Errors
    /// What serde could not encode; `out` then holds a part of it.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Decodes a payload of any listed type and hands the events that it stands for to `sink`, in order.
    ///
    /// # Errors
    /// The payload is not of that type; `sink` was not called.
    fn decode(index: u16, payload: &[u8], sink: &mut impl FnMut(Self)) -> Result<(), CodecError>;

    /// A payload of any listed type as JSON, as it was stored: old versions are not upcast.
    ///
    /// # Errors
    /// The payload is not of that type.
    fn to_json(index: u16, payload: &[u8]) -> Result<String, CodecError>;
}

/// What an upcaster may return: one event, an `Option`, a `Vec` or an array of events.
#[diagnostic::on_unimplemented(
    message = "an upcaster may not return `{Self}`",
    label = "this function is used as an upcaster",
    note = "return what the old event has become: `{E}`, `Option<{E}>`, `Vec<{E}>` or `[{E}; N]`"
)]
pub trait Upcasted<E> {
    /// Hands the events to `sink`, in order.
    fn each(self, sink: &mut impl FnMut(E));
}

#[diagnostic::do_not_recommend]
impl<E: Event> Upcasted<E> for E {
    fn each(self, sink: &mut impl FnMut(E)) {
        sink(self);
    }
}

#[diagnostic::do_not_recommend]
impl<E: Event> Upcasted<E> for Option<E> {
    fn each(self, sink: &mut impl FnMut(E)) {
        self.into_iter().for_each(sink);
    }
}

#[diagnostic::do_not_recommend]
impl<E: Event> Upcasted<E> for Vec<E> {
    fn each(self, sink: &mut impl FnMut(E)) {
        self.into_iter().for_each(sink);
    }
}

impl<E: Event, const N: usize> Upcasted<E> for [E; N] {
    fn each(self, sink: &mut impl FnMut(E)) {
        self.into_iter().for_each(sink);
    }
}
