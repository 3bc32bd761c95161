//! The reply to an accepted command.

use std::fmt;

use crate::Actor;

type Compute<A> = Box<dyn FnOnce(&A) -> <A as Actor>::Reply>;

/// A reply that is computed after the turn's events were applied. Made by [`Turn::reply`](crate::Turn::reply).
///
/// `handle` sees the state before its events, because only `apply` changes it; the caller must see it after.
/// So the reply is a function of the state, which the SDK calls once all events of the command are applied.
#[must_use = "return it from `handle`, as `Ok(turn.reply(..))`"]
pub struct Answer<A: Actor> {
    reply: Compute<A>,
}

impl<A: Actor> Answer<A> {
    pub(crate) fn new(reply: impl FnOnce(&A) -> A::Reply + 'static) -> Self {
        Self { reply: Box::new(reply) }
    }

    pub(crate) fn computed_from(self, state: &A) -> A::Reply {
        (self.reply)(state)
    }
}

impl<A: Actor> fmt::Debug for Answer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(..)")
    }
}
