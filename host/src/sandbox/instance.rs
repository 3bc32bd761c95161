//! One per activation: the calls of the contract, as plain data. All calls are synchronous and bounded in time.

use std::fmt;
use std::ops::{Deref, DerefMut};

use wasmtime::Store;

use super::failure::{self, Refusal};
use super::link::Linked;
use super::randomness::Draws;
use super::said::said;
use super::shared::Shared;
use super::state::State;
use super::turn::Turn;
use super::{
    CommandColumns, CommandContext, Component, GuestFailure, GuestSnapshot, InstanceOptions, Moment, Outcome, Permit,
    ReplayFailure, Share, Started, deadline, outcome, store, v1,
};
use crate::frame::EventColumns;
use crate::vocab::{Limit, Limits};

/// A live instance. After any failure it must be dropped.
///
/// Its calls run guest code on the caller's thread, whose stack must have 1 MiB to spare. A call that lasts longer than
/// a few milliseconds hands the other tasks of a multi-threaded tokio worker to another thread; it must not be made
/// inside a `tokio::task::LocalSet`.
///
/// Every call runs under a [`Permit`] of the instance's tenant: one that [`Instance::with`] was given, or one that the call
/// waits for with its thread.
pub struct Instance {
    store: Store<State>,
    actor: v1::Actor,
    component: Component,
}

impl Instance {
    pub(super) fn new(
        shared: &Shared,
        linked: &Linked,
        options: InstanceOptions,
        component: Component,
        permit: &mut Option<Permit>,
    ) -> Result<Self, GuestFailure> {
        let share = shared.cpu.share(&options.address.tenant);
        let mut store = store::open(shared, options, share);
        store.data_mut().permit = permit.take().filter(Permit::is_held);
        let instance = store::instantiate(&mut store, linked);
        *permit = store.data_mut().permit.take();
        let instance = instance?;
        let actor = linked.exports.load(&mut store, &instance);
        let actor = actor.map_err(|error| failure::classify(store.data(), &error))?;
        Ok(Self { store, actor, component })
    }

    /// Whose CPU time its calls use.
    #[must_use]
    pub fn share(&self) -> &Share {
        &self.store.data().share
    }

    /// Makes calls under a permit that is held already, until the guard is dropped, and the permit with it.
    pub fn with(&mut self, permit: Option<Permit>) -> Admitted<'_> {
        self.store.data_mut().permit = permit.filter(Permit::is_held);
        Admitted { instance: self }
    }

    /// Gives the instance its address and the state to start from (`None`: the initial state).
    ///
    /// # Errors
    /// How the guest failed.
    pub fn start(&mut self, moment: Moment, base: Option<&GuestSnapshot>) -> Result<Started, GuestFailure> {
        let address = self.store.data().log.address();
        let base = base.map(|base| v1::SnapshotParam { state_version: base.state_version, state: &base.state });
        let limits = self.limits();
        let bytes = limits.guest_hostcall_bytes;
        let started = self.call(moment, Limit::GuestCallMs, bytes, |actor, store| {
            let (tenant, kind, key) = (address.tenant.as_str(), address.kind.as_str(), address.key.as_str());
            actor.greenroom_actor_behavior().call_start(store, v1::AddressParam { tenant, kind, key }, base)
        })?;
        match started {
            Ok(()) => Ok(Started::Ready),
            Err(v1::StartError::UnknownStateVersion) => Ok(Started::UnknownStateVersion),
            Err(v1::StartError::Failed(reason)) => Err(GuestFailure::Refused { call: "start", reason: said(&reason) }),
        }
    }

    /// Folds events into the state; the first has number `moment.sequence + 1`. Effects and random numbers trap.
    ///
    /// # Errors
    /// Which event could not be applied, or how the guest failed.
    pub fn replay(&mut self, moment: Moment, events: &EventColumns) -> Result<(), ReplayFailure> {
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let (first, last) = (moment.sequence.next(), moment.sequence.plus(count));
        let batch = v1::EventBatchParam {
            types: &events.types,
            payloads: v1::ColumnParam { data: &events.payloads.data, ends: &events.payloads.ends },
        };
        self.store.data_mut().draws = Draws::None;
        let limits = self.limits();
        let bytes = limits.guest_hostcall_bytes;
        let guest = |failure| ReplayFailure::Guest { first, last, failure };
        let replayed = self
            .call(moment, Limit::GuestReplayMs, bytes, |actor, store| {
                actor.greenroom_actor_behavior().call_replay(store, batch)
            })
            .map_err(guest)?;
        match replayed {
            Ok(()) => Ok(()),
            Err(error) if u64::from(error.event) < count => {
                Err(ReplayFailure::Event { sequence: first.plus(u64::from(error.event)), reason: said(&error.reason) })
            }
            Err(error) => {
                let reason = format!("it could not apply event {} of {count}: {}", error.event, said(&error.reason));
                Err(guest(GuestFailure::InvalidOutcome { reason }))
            }
        }
    }

    /// Tells the guest that it is up to date.
    ///
    /// # Errors
    /// How the guest failed.
    pub fn recovered(&mut self, moment: Moment) -> Result<(), GuestFailure> {
        let limits = self.limits();
        let bytes = limits.guest_hostcall_bytes;
        self.call(moment, Limit::GuestCallMs, bytes, |actor, store| {
            actor.greenroom_actor_behavior().call_recovered(store)
        })
    }

    /// Handles a batch of commands: one turn. `contexts` has one entry per command.
    ///
    /// # Errors
    /// How the guest failed; nothing of the turn may be used then.
    pub fn handle(
        &mut self,
        moment: Moment,
        commands: &CommandColumns,
        contexts: Vec<CommandContext>,
    ) -> Result<Outcome, GuestFailure> {
        let batch = v1::CommandBatch {
            names: &commands.names,
            payloads: v1::ColumnParam { data: &commands.payloads.data, ends: &commands.payloads.ends },
            now: moment.time.0,
        };
        let limits = self.limits();
        let bytes = turn_bytes(limits, commands.names.len());
        self.store.data_mut().turn = Some(Turn::new(contexts));
        self.store.data_mut().draws = Draws::OfTheTurn;
        let batch = self.call(moment, Limit::GuestCallMs, bytes, |actor, store| {
            actor.greenroom_actor_behavior().call_handle(store, batch)
        });
        let turn = self.store.data_mut().turn.take().unwrap_or_default();
        let state = self.store.data();
        outcome::check(batch?, turn, commands, self.component.manifest(), &state.limits).map_err(|Refusal(failure)| {
            failure::note(state, &failure);
            failure
        })
    }

    /// Captures the state.
    ///
    /// # Errors
    /// How the guest failed; a `Refused` capture or one over the limit leaves the instance usable.
    pub fn capture(&mut self, moment: Moment) -> Result<GuestSnapshot, GuestFailure> {
        let limits = self.limits();
        let limit = u64::from(limits.snapshot_bytes);
        // A guest cannot return more than its memory holds: so one over the limit is seen, not cut off with a trap.
        let bytes = limits.guest_memory_bytes.max(limits.guest_hostcall_bytes);
        let captured = self.call(moment, Limit::GuestCallMs, bytes, |actor, store| {
            actor.greenroom_actor_behavior().call_capture(store)
        })?;
        let snapshot = captured.map_err(|reason| GuestFailure::Refused { call: "capture", reason: said(&reason) })?;
        let found = u64::try_from(snapshot.state.len()).unwrap_or(u64::MAX);
        if found > limit {
            self.store.data().hit(Limit::SnapshotBytes);
            return Err(GuestFailure::Limit {
                name: Limit::SnapshotBytes,
                what: "bytes in one snapshot",
                found,
                limit,
            });
        }
        Ok(GuestSnapshot { state_version: snapshot.state_version, state: snapshot.state })
    }

    /// The state as JSON text, for people.
    ///
    /// # Errors
    /// How the guest failed.
    pub fn state_as_json(&mut self) -> Result<String, GuestFailure> {
        let bytes = self.inspection();
        let moment = self.store.data().moment;
        self.call(moment, Limit::GuestCallMs, bytes, |actor, store| {
            actor.greenroom_actor_inspect().call_state_as_json(store)
        })
    }

    /// One event as JSON text, for people; the inner error is the guest's own reason.
    ///
    /// # Errors
    /// How the guest failed.
    pub fn event_as_json(&mut self, event_type: u16, payload: &[u8]) -> Result<Result<String, String>, GuestFailure> {
        let bytes = self.inspection();
        let moment = self.store.data().moment;
        self.call(moment, Limit::GuestCallMs, bytes, |actor, store| {
            actor.greenroom_actor_inspect().call_event_as_json(store, event_type, payload)
        })
    }

    fn limits(&self) -> &Limits {
        &self.store.data().limits
    }

    /// Bytes for a text that people read; JSON is several times longer than what it shows.
    fn inspection(&self) -> u64 {
        let limits = self.limits();
        limits.guest_memory_bytes.max(limits.guest_hostcall_bytes)
    }

    /// Makes one call, with its bounds on time and on the bytes that a result or a host call may bring.
    fn call<R>(
        &mut self,
        moment: Moment,
        timer: Limit,
        bytes: u64,
        call: impl FnOnce(&v1::Actor, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, GuestFailure> {
        let limit_ms = self.limits().get(timer);
        self.store.data_mut().timer = timer;
        self.store.data_mut().enter(moment);
        store::bound_hostcalls(&mut self.store, bytes);
        deadline::arm(&mut self.store, limit_ms);
        let actor = &self.actor;
        let result = store::admitted(&mut self.store, |store| call(actor, store));
        self.store.data_mut().leave();
        result.map_err(|error| failure::classify(self.store.data(), &error))
    }
}

/// An instance whose calls run under a permit that is held already.
#[derive(Debug)]
pub struct Admitted<'a> {
    instance: &'a mut Instance,
}

impl Admitted<'_> {
    /// The permit, to be used for something else.
    #[must_use]
    pub fn finish(self) -> Option<Permit> {
        self.instance.store.data_mut().permit.take()
    }
}

impl Deref for Admitted<'_> {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        self.instance
    }
}

impl DerefMut for Admitted<'_> {
    fn deref_mut(&mut self) -> &mut Instance {
        self.instance
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.instance.store.data_mut().permit = None;
    }
}

/// Bytes that the outcome of a turn may bring: a full frame, the longest replies, and the other columns.
fn turn_bytes(limits: &Limits, commands: usize) -> u64 {
    let commands = u64::try_from(commands).unwrap_or(u64::MAX);
    let replies = commands.saturating_mul(u64::from(limits.reply_bytes).saturating_add(16));
    u64::from(limits.frame_bytes)
        .saturating_add(replies)
        .min(limits.guest_memory_bytes)
        .max(limits.guest_hostcall_bytes)
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("state", self.store.data()).finish_non_exhaustive()
    }
}
