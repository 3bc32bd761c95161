//! Whose guest call runs next: start-time fair queueing over tenants.
//!
//! A tenant's *virtual time* grows by the CPU time that its calls use, divided by its weight. Whoever has the smallest goes
//! first, so that tenants that always want CPU get it in proportion to their weights. A tenant that was idle starts at the
//! present, which is where the newest call started that was let in: it has neither saved up nor does it owe.
//! (P. Goyal, H. M. Vin, H. Cheng: Start-time Fair Queuing, 1996.)

use std::collections::BTreeSet;

/// Virtual nanoseconds of a nanosecond at weight 1. With it, a turn of microseconds at the largest weight is still counted to
/// a few percent, and 64 cores need two years at weight 1 to use 64 bits up.
const SCALE: u64 = 4;
/// A call that ran for less than this is not asked to stop: most end by themselves before stopping them would pay, nanoseconds.
const ASKED_AFTER_NS: u64 = 200_000;
/// Between calls that have begun, CPU changes hands after this much time, nanoseconds: each change costs two thread switches.
pub const SLICE_NS: u64 = 10_000_000;

/// A call that ran for so long is a long one: whoever else wants CPU must not wait for it, nor the host's own threads, nanoseconds.
pub const LONG_NS: u64 = 2_000_000;

/// How many permits, of so many, may be in the same hands: all of them, and one fewer (at least one) while others' short calls
/// come and go. So these, and the host's threads between them, find a core that they need not take from anybody. It holds for
/// the long calls of all tenants together, and for the calls of each tenant.
#[must_use]
pub fn in_the_same_hands(calls: usize, others_come_and_go: bool) -> usize {
    if others_come_and_go { calls.saturating_sub(1).max(1) } else { calls }
}

/// Whether a tenant's calls that have not begun wait, too, while its long ones must: so many of those wait already that what
/// begins is likely to be long.
#[must_use]
pub const fn is_mostly_long(begun_waiting: usize, calls: usize) -> bool {
    begun_waiting >= calls.saturating_mul(2)
}

/// The virtual time that using CPU for `used_ns` takes at a weight.
#[must_use]
pub fn virtual_ns(used_ns: u64, weight: u32) -> u64 {
    used_ns.saturating_mul(SCALE).div_ceil(u64::from(weight.max(1)))
}

/// Where a tenant's next call starts: at the present, or behind its own last one.
#[must_use]
pub fn starts_at(present: u64, finished: u64) -> u64 {
    present.max(finished)
}

/// Tenants that wait, in the order of their virtual times.
#[derive(Debug, Default)]
pub struct Line {
    by_time: BTreeSet<(u64, u32)>,
}

impl Line {
    /// Takes a tenant in; it must not be there yet.
    pub fn join(&mut self, tenant: u32, at: u64) {
        self.by_time.insert((at, tenant));
    }

    /// Takes a tenant out that joined, or was last moved, at this time.
    pub fn leave(&mut self, tenant: u32, at: u64) {
        self.by_time.remove(&(at, tenant));
    }

    /// Who is first, and its time. Times only grow, so one that is out of date is found when it comes to the front and is put
    /// right: `time_now` tells a tenant's time beside the one it stands at; `None`: as it stands.
    pub fn first(&mut self, mut time_now: impl FnMut(u32, u64) -> Option<u64>) -> Option<(u32, u64)> {
        loop {
            let (at, tenant) = *self.by_time.first()?;
            match time_now(tenant, at) {
                Some(now) if now > at => {
                    self.by_time.remove(&(at, tenant));
                    self.by_time.insert((now, tenant));
                }
                _ => return Some((tenant, at)),
            }
        }
    }

    /// Everybody in the line and their times, as far as these are up to date.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.by_time.iter().map(|(at, tenant)| (*tenant, *at))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_time.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }
}

/// A call that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The virtual time of its tenant, with what this call has used so far.
    pub virtual_ns: u64,
    /// For how long it has run since it was last let in.
    pub ran_ns: u64,
    /// It was asked already.
    pub asked: bool,
}

/// Which running call is to give way to a tenant that waits at this virtual time: the one that is furthest ahead of it.
#[must_use]
pub fn who_yields(waiting: u64, running: impl IntoIterator<Item = Running>) -> Option<usize> {
    let eligible =
        |(_, call): &(usize, Running)| !call.asked && call.ran_ns >= ASKED_AFTER_NS && call.virtual_ns > waiting;
    let furthest =
        running.into_iter().enumerate().filter(eligible).max_by_key(|(_, call)| (call.virtual_ns, call.ran_ns));
    furthest.map(|(at, _)| at)
}

/// What the first tenant in the line would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A call that has not begun: likely to be short, and somebody waits for it.
    Fresh,
    /// A call that was stopped before.
    Begun,
}

/// Whether a call gives way to the first in the line.
#[must_use]
pub fn gives_way(own: u64, ran_ns: u64, first: u64, next: Next) -> bool {
    let after_ns = if next == Next::Fresh { ASKED_AFTER_NS } else { SLICE_NS };
    first < own && ran_ns >= after_ns
}

/// Whether a call gives way to a fresh one of its own tenant, of which so many begun calls wait.
#[must_use]
pub fn gives_way_at_home(ran_ns: u64, begun_waiting: usize, begun_max: usize) -> bool {
    ran_ns >= SLICE_NS && begun_waiting < begun_max
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One tenant of the simulation: it always wants CPU from `from_ns` on, in calls of this length.
    #[derive(Debug, Clone, Copy)]
    struct Load {
        weight: u32,
        call_ns: u64,
        from_ns: u64,
    }

    #[derive(Debug, Clone, Copy, Default)]
    struct Got {
        virtual_ns: u64,
        used_ns: u64,
        /// The longest time between two of its calls while it wanted CPU.
        longest_wait_ns: u64,
        waits_since: u64,
        in_line: bool,
        running: usize,
    }

    /// Runs the decisions over time on so many cores: whoever wants CPU waits in the line, the first takes a free core for a
    /// whole call or a slice, whichever is shorter. Tenants have as many callers as there are cores.
    fn simulate(cores: usize, loads: &[Load], until_ns: u64) -> Vec<Got> {
        let mut got = vec![Got::default(); loads.len()];
        let mut line = Line::default();
        let mut present = 0;
        // (when it ends, whose, how long it ran)
        let mut running: Vec<(u64, usize, u64)> = Vec::new();
        let mut now = 0;
        while now < until_ns {
            for (at, load) in loads.iter().enumerate() {
                if load.from_ns <= now && !got[at].in_line && got[at].running < cores {
                    got[at].virtual_ns = starts_at(present, got[at].virtual_ns);
                    got[at].in_line = true;
                    got[at].waits_since = now;
                    line.join(u32::try_from(at).unwrap(), got[at].virtual_ns);
                }
            }
            while running.len() < cores {
                let times: Vec<u64> = got.iter().map(|got| got.virtual_ns).collect();
                let Some((tenant, at)) = line.first(|tenant, _| Some(times[tenant as usize])) else { break };
                line.leave(tenant, at);
                let tenant = tenant as usize;
                present = present.max(got[tenant].virtual_ns);
                got[tenant].in_line = false;
                got[tenant].running += 1;
                got[tenant].longest_wait_ns = got[tenant].longest_wait_ns.max(now - got[tenant].waits_since);
                let runs = loads[tenant].call_ns.min(SLICE_NS);
                running.push((now + runs, tenant, runs));
                if got[tenant].running < cores {
                    got[tenant].in_line = true;
                    got[tenant].waits_since = now;
                    line.join(u32::try_from(tenant).unwrap(), got[tenant].virtual_ns);
                }
            }
            running.sort_unstable();
            let Some(first) = loads.iter().map(|load| load.from_ns).filter(|from| *from > now).min() else {
                now = end_one(&mut running, &mut got, loads);
                continue;
            };
            match running.first() {
                Some((end, _, _)) if *end <= first => now = end_one(&mut running, &mut got, loads),
                _ => now = first,
            }
        }
        got
    }

    fn end_one(running: &mut Vec<(u64, usize, u64)>, got: &mut [Got], loads: &[Load]) -> u64 {
        let (end, tenant, ran) = running.remove(0);
        got[tenant].running -= 1;
        got[tenant].used_ns += ran;
        got[tenant].virtual_ns += virtual_ns(ran, loads[tenant].weight);
        end
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn weights_of_one_to_three_give_one_to_three() {
        let load = |weight| Load { weight, call_ns: 1_000 * MS, from_ns: 0 };
        let got = simulate(1, &[load(100), load(300)], 4_000 * MS);
        assert_eq!((got[0].used_ns / MS, got[1].used_ns / MS), (1_000, 3_000));
    }

    #[test]
    fn short_calls_get_as_much_as_long_ones() {
        let loads = [50_000, 1_000 * MS].map(|call_ns| Load { weight: 100, call_ns, from_ns: 0 });
        let got = simulate(1, &loads, 2_000 * MS);
        assert!(got[0].used_ns.abs_diff(1_000 * MS) <= SLICE_NS, "{got:?}");
    }

    #[test]
    fn who_was_idle_has_not_saved_up() {
        let load = |from_ns| Load { weight: 100, call_ns: 10 * MS, from_ns };
        let got = simulate(1, &[load(0), load(5_000 * MS)], 6_000 * MS);
        assert!(got[1].used_ns.abs_diff(500 * MS) <= SLICE_NS, "half of what was left, not all of it: {got:?}");
    }

    #[test]
    fn the_one_furthest_ahead_is_asked_and_only_once() {
        let call = |virtual_ns, ran_ns, asked| Running { virtual_ns, ran_ns, asked };
        let ran = ASKED_AFTER_NS;
        assert_eq!(who_yields(10, [call(20, ran, false), call(30, ran, false)]), Some(1));
        assert_eq!(who_yields(10, [call(20, ran, false), call(30, ran, true)]), Some(0));
        assert_eq!(who_yields(10, [call(10, ran, false), call(30, ran - 1, false)]), None);
        assert_eq!(who_yields(10, []), None);
    }

    #[test]
    fn calls_that_have_begun_take_turns_by_slices_and_new_ones_sooner() {
        assert!(gives_way(2, ASKED_AFTER_NS, 1, Next::Fresh) && !gives_way(2, ASKED_AFTER_NS, 1, Next::Begun));
        assert!(gives_way(2, SLICE_NS, 1, Next::Begun) && !gives_way(1, SLICE_NS, 1, Next::Begun));
        assert!(gives_way_at_home(SLICE_NS, 1, 2) && !gives_way_at_home(SLICE_NS, 2, 2));
        assert!(!gives_way_at_home(SLICE_NS - 1, 0, 2));
    }

    #[test]
    fn a_time_that_is_out_of_date_is_put_right_at_the_front() {
        let mut line = Line::default();
        line.join(1, 5);
        line.join(2, 7);
        let mut moves = Vec::new();
        let first = line.first(|tenant, at| {
            moves.push((tenant, at));
            (tenant == 1).then_some(9)
        });
        assert_eq!((first, moves.as_slice()), (Some((2, 7)), [(1, 5), (2, 7)].as_slice()));
        line.leave(1, 9);
        line.leave(2, 7);
        assert!(line.is_empty() && line.first(|_, _| None).is_none());
    }

    proptest! {
        /// On one core, whatever the weights and the lengths of calls: everybody is within a slice of the share.
        #[test]
        fn everybody_gets_the_share_within_a_slice(
            tenants in prop::collection::vec((1_u32..=1_000, 10_000_u64..50 * MS), 2..6),
        ) {
            let loads: Vec<Load> =
                tenants.iter().map(|(weight, call_ns)| Load { weight: *weight, call_ns: *call_ns, from_ns: 0 }).collect();
            let got = simulate(1, &loads, 20_000 * MS);
            let total: u64 = got.iter().map(|got| got.used_ns).sum();
            let weights: u64 = loads.iter().map(|load| u64::from(load.weight)).sum();
            for (got, load) in got.iter().zip(&loads) {
                let share = u64::try_from(u128::from(total) * u128::from(load.weight) / u128::from(weights)).unwrap();
                // A tenant may be one slice ahead; the others may be one slice ahead of it each.
                let slack = SLICE_NS * u64::try_from(loads.len()).unwrap() + total / 100;
                prop_assert!(got.used_ns.abs_diff(share) <= slack, "{got:?} of {share}");
            }
        }

        /// On several cores: nobody waits longer than it takes everybody else to use up a slice for each of its own.
        #[test]
        fn nobody_starves(
            cores in 1_usize..5,
            tenants in prop::collection::vec((1_u32..=1_000, 10_000_u64..50 * MS, 0_u64..2_000 * MS), 2..8),
        ) {
            let loads: Vec<Load> = tenants
                .iter()
                .map(|(weight, call_ns, from_ns)| Load { weight: *weight, call_ns: *call_ns, from_ns: *from_ns })
                .collect();
            let got = simulate(cores, &loads, 6_000 * MS);
            let weights: u64 = loads.iter().map(|load| u64::from(load.weight)).sum();
            let count = u64::try_from(loads.len()).unwrap();
            for (got, load) in got.iter().zip(&loads) {
                let own = u64::from(load.weight);
                // Its own last calls on all cores, stretched by its share, and a slice of everybody who was first.
                let cores = u64::try_from(cores).unwrap();
                let bound = SLICE_NS * (cores + 1) * weights.div_ceil(own) + SLICE_NS * count;
                prop_assert!(got.longest_wait_ns <= bound, "{got:?} waited beyond {bound}");
            }
        }
    }
}
