//! No call into a guest lasts for ever, and a long one holds up neither other tenants nor the tasks behind it.

use std::time::{Duration, Instant};

use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use super::cpu::{Gave, aside};
use super::state::State;

/// How long a guest that used up its slice waits while another thread takes over its worker's tasks: tokio takes the
/// worker back if it has not been picked up when the wait ends.
const HAND_OVER: Duration = Duration::from_micros(300);
/// A call that ran for so long hands its worker's tasks over; later again after each doubling, in case nobody picked them up.
const HAND_OVER_AFTER_NS: u64 = 1_000_000;
/// The longest that a call may take with all its waiting for CPU, however little of that it got.
const WALL_MAX: Duration = Duration::from_secs(600);

/// The time of the call that runs now. It counts while the guest runs, not while others do.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    limit_ms: u64,
    /// The CPU time of the permit, and the time of day, when the first slice ended; calls that end within it never read a clock.
    first_slice_ended: Option<(u64, Instant)>,
    hands_over_at_ns: u64,
}

impl Deadline {
    pub(super) const fn limit_ms(&self) -> u64 {
        self.limit_ms
    }
}

/// Gives the next call `limit_ms`, whatever time has passed since the last one.
pub(super) fn arm(store: &mut Store<State>, limit_ms: u64) {
    store.data_mut().deadline = Deadline { limit_ms, first_slice_ended: None, hands_over_at_ns: HAND_OVER_AFTER_NS };
    store.set_epoch_deadline(1);
}

/// Runs at the end of every slice, on the guest's stack.
pub(super) fn slice_ended(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let State { deadline, permit, .. } = store.data_mut();
    // Guest code runs under a permit only; without one it would run for nobody.
    let Some(permit) = permit else { return Ok(UpdateDeadline::Interrupt) };
    let ran_ns = permit.checkpoint();
    let (from_ns, since) = *deadline.first_slice_ended.get_or_insert_with(|| (ran_ns, Instant::now()));
    let limit_ns = deadline.limit_ms.saturating_mul(1_000_000);
    let Some(wall_left) = WALL_MAX.checked_sub(since.elapsed()) else { return Ok(UpdateDeadline::Interrupt) };
    if ran_ns.saturating_sub(from_ns) >= limit_ns {
        return Ok(UpdateDeadline::Interrupt);
    }
    match permit.give_way(wall_left) {
        Gave::Up => return Ok(UpdateDeadline::Interrupt),
        Gave::Way => {}
        Gave::Kept if ran_ns >= deadline.hands_over_at_ns => {
            deadline.hands_over_at_ns = ran_ns.saturating_mul(2);
            aside(|| std::thread::sleep(HAND_OVER));
        }
        Gave::Kept => {}
    }
    Ok(UpdateDeadline::Continue(1))
}
