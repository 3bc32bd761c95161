//! What became of the command.

use serde::Serialize;
use serde_json::{Value, json};

use super::given::Given;
use super::same;
use crate::instance::{Column, Instance, Outcome, Verdict};
use crate::{Actor, Effect, Event, Time};

/// What a command did. Every one was also checked: its events, replayed, give the state that it left.
#[derive(Debug)]
pub struct Then<A: Actor> {
    given: Given<A>,
    instance: Instance<A>,
    outcome: Outcome,
}

impl<A: Actor> Then<A> {
    #[track_caller]
    pub(super) fn new(mut given: Given<A>, instance: Instance<A>, outcome: Outcome) -> Self {
        given.append(&outcome.types, &outcome.payloads);
        let (live, replayed) = (super::json(instance.state()), super::json(given.instance().state()));
        let what = "the state after the command and the state after replaying its events (does `apply` depend on what \
                    the events' codec leaves out, or on the order of a hash map?)";
        same(what, &live, &replayed, Value::to_string);
        Self { given, instance, outcome }
    }

    /// It was accepted and appended these events, and no others.
    #[track_caller]
    pub fn then_events(self, events: impl IntoIterator<Item = A::Event>) -> Self {
        let (mut types, mut payloads) = (Vec::new(), Column::default());
        for event in events {
            types.push(event.index());
            crate::codec::must(event.encode(&mut payloads.data));
            payloads.end_item();
        }
        let expected = shown::<A>(&types, &payloads);
        same("events", &expected, &shown::<A>(&self.outcome.types, &self.outcome.payloads), Value::to_string);
        self.is(Verdict::Accepted)
    }

    /// It appended nothing.
    #[track_caller]
    pub fn then_no_events(self) -> Self {
        let found = shown::<A>(&self.outcome.types, &self.outcome.payloads);
        same("events", &json!([]), &found, Value::to_string);
        self
    }

    /// It was accepted with this reply, compared as JSON.
    #[track_caller]
    pub fn then_reply(self, reply: impl Serialize) -> Self {
        let then = self.is(Verdict::Accepted);
        same("replies", &super::json(&reply), &then.answer(), Value::to_string);
        then
    }

    /// It was rejected for this reason, compared as JSON; a rejected command leaves nothing.
    #[track_caller]
    pub fn then_rejection(self, reason: impl Serialize) -> Self {
        let then = self.is(Verdict::Rejected);
        same("reasons", &super::json(&reason), &then.answer(), Value::to_string);
        then
    }

    /// Its payload could not be decoded, and the message says `words`.
    #[track_caller]
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub fn then_undecodable(self, words: &str) -> Self {
        let then = self.is(Verdict::Undecodable);
        let message = String::from_utf8_lossy(&then.outcome.replies.data);
        if !message.contains(words) {
            panic!("the message does not say {words:?}: {message}");
        }
        drop(message);
        then
    }

    /// It asked for these effects, in this order, and no others.
    #[track_caller]
    pub fn then_effects(self, effects: impl IntoIterator<Item = Effect>) -> Self {
        let expected: Vec<Effect> = effects.into_iter().collect();
        let found: Vec<Effect> = self.outcome.effects.iter().map(|(_, effect)| effect.clone()).collect();
        same("effects", &expected, &found, |it| format!("{it:?}"));
        self
    }

    /// It left this state, compared as JSON.
    #[track_caller]
    pub fn then_state(self, state: impl Serialize) -> Self {
        same("states", &super::json(&state), &super::json(self.instance.state()), Value::to_string);
        self
    }

    /// The state that it left.
    #[must_use]
    pub const fn state(&self) -> &A {
        self.instance.state()
    }

    /// Another command comes, after this one.
    #[track_caller]
    pub fn when(self, command: A::Command) -> Self {
        self.given.when(command)
    }

    /// The next command comes at this time.
    #[must_use]
    pub fn at(mut self, now: Time) -> Self {
        self.given = self.given.at(now);
        self
    }

    #[track_caller]
    fn is(self, expected: Verdict) -> Self {
        let found = self.outcome.verdicts.first().copied();
        if found != Some(expected as u8) {
            let answer = String::from_utf8_lossy(&self.outcome.replies.data).into_owned();
            same("verdicts", &verdict(Some(expected as u8)), &verdict(found), |it| format!("{it} ({answer})"));
        }
        self
    }

    fn answer(&self) -> Value {
        serde_json::from_slice(&self.outcome.replies.data).unwrap_or(Value::Null)
    }
}

const fn verdict(code: Option<u8>) -> &'static str {
    match code {
        Some(0) => "accepted",
        Some(1) => "rejected",
        Some(2) => "undecodable",
        _ => "none",
    }
}

/// Events as a person reads them.
fn shown<A: Actor>(types: &[u16], payloads: &Column) -> Value {
    let mut begin = 0;
    let events = types.iter().zip(&payloads.ends).map(|(&index, &end)| {
        let payload = payloads.data.get(begin..end as usize).unwrap_or_default();
        begin = end as usize;
        let name = A::Event::TYPES.get(usize::from(index)).map_or("?", |it| it.name);
        let fields = A::Event::to_json(index, payload).map_err(|error| error.to_string());
        let fields = fields.and_then(|json| serde_json::from_str(&json).map_err(|error| error.to_string()));
        json!({ name: fields.unwrap_or_else(|error: String| json!({ "undecodable": error, "bytes": payload })) })
    });
    Value::Array(events.collect())
}
