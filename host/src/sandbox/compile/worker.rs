//! The worker's side: a process that compiles one component for the host that started it, and ends.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use wasmtime::Engine;

use super::bounds::Bounds;
use super::lockdown::{self, Grant, Priority};
use super::wire::{self, Reply, Verdict};
use super::{ENGINE_ARGUMENTS, checkpoints, features};
use crate::sandbox::config;

/// Stack of a compiling thread: deeply nested code.
const STACK_BYTES: usize = /* 8 MiB */ 8 * 1_024 * 1_024;

/// How priorities are written on the command line.
const IDLE: &str = "idle";
const LOW: &str = "low";

/// What the compiler makes of a component.
pub(super) enum Outcome {
    Compiled(Vec<u8>),
    Refused(String),
    Feature(String),
    OutOfMemory,
    Panicked,
}

/// What a host writes on the command line of its worker, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) grant: Grant,
    /// How much address space the host's pool reserves for a memory, if it was told.
    pub(super) reservation_bytes: Option<u64>,
}

impl Order {
    pub(super) fn to_arguments(self) -> [String; ENGINE_ARGUMENTS] {
        let Grant { cpu_s, memory_bytes, parent, priority } = self.grant;
        let priority = if priority == Priority::Idle { IDLE } else { LOW };
        let reservation = self.reservation_bytes.unwrap_or(0);
        let numbers = [memory_bytes, reservation].map(|number| number.to_string());
        let [memory, reservation] = numbers;
        [parent.to_string(), priority.to_owned(), cpu_s.to_string(), memory, reservation]
    }

    fn of(arguments: &[String]) -> Option<Self> {
        let [parent, priority, cpu_s, memory_bytes, reservation] = arguments else { return None };
        let reservation: u64 = reservation.parse().ok()?;
        Some(Self {
            grant: Grant {
                parent: parent.parse().ok()?,
                priority: match priority.as_str() {
                    IDLE => Priority::Idle,
                    LOW => Priority::Low,
                    _ => return None,
                },
                cpu_s: cpu_s.parse().ok()?,
                memory_bytes: memory_bytes.parse().ok()?,
            },
            reservation_bytes: (reservation > 0).then_some(reservation),
        })
    }
}

/// Compiles the component on standard input and writes its code to standard output, locked up as `lockdown` says.
///
/// Not for people: a host starts its own program with this.
#[must_use]
pub fn compile_worker(arguments: &[String]) -> ExitCode {
    match work(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // If the host is gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "{reason}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: &[String]) -> Result<(), String> {
    let order = Order::of(arguments).ok_or("a compile worker is started by a host, not by hand")?;
    let mut bounds = Bounds::default();
    lockdown::before_threads(order.grant, &mut bounds)?;
    let engine = config::compiler(order.reservation_bytes).and_then(|config| Engine::new(&config));
    let engine = engine.map_err(|error| format!("the compiler could not be set up: {error:#}"))?;
    let pool = pool()?;
    // Every thread has begun before the rights that beginning takes are given up.
    pool.broadcast(|_| ());
    lockdown::after_threads(&mut bounds);
    let said = |error: io::Error| format!("the host is not there: {error}");
    wire::write_hello(&mut io::stdout(), bounds).map_err(said)?;
    let component = wire::read_component(&mut io::stdin()).map_err(said)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| pool.install(|| compile(&engine, &component))));
    let (verdict, body) = match outcome.unwrap_or(Outcome::Panicked) {
        Outcome::Compiled(code) => (Verdict::Compiled, code),
        Outcome::Refused(reason) => (Verdict::Refused, cut(reason)),
        Outcome::Feature(names) => (Verdict::Feature, cut(names)),
        Outcome::OutOfMemory => (Verdict::OutOfMemory, Vec::new()),
        Outcome::Panicked => (Verdict::Panicked, Vec::new()),
    };
    let (cpu, memory_bytes) = used();
    wire::write_reply(&mut io::stdout(), &Reply { verdict, cpu, memory_bytes, body }).map_err(said)
}

/// The threads that compile: half of the cores.
pub(super) fn pool() -> Result<rayon::ThreadPool, String> {
    let threads = available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .thread_name(|index| format!("compile-{index}"))
        .build()
        .map_err(|error| format!("the compiler's threads could not be started: {error}"))
}

/// Compiles with checkpoints, and finds names for what is in the way.
pub(super) fn compile(engine: &Engine, component: &[u8]) -> Outcome {
    let reason = match checkpoints::add(component) {
        Ok(with_checkpoints) => match engine.precompile_component(&with_checkpoints) {
            Ok(code) => return Outcome::Compiled(code),
            Err(error) if error.is::<wasmtime::OutOfMemory>() => return Outcome::OutOfMemory,
            Err(error) => format!("{error:#}"),
        },
        Err(reason) => reason,
    };
    match features::forbidden_in(component).as_slice() {
        // What the bytes themselves are refused for says at which of them.
        [] => Outcome::Refused(features::problem(component).unwrap_or(reason)),
        names => Outcome::Feature(names.join(", ")),
    }
}

fn cut(text: String) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    bytes.truncate(usize::try_from(wire::TEXT_BYTES_MAX).unwrap_or(usize::MAX));
    bytes
}

/// The CPU time and the most memory of this process so far.
fn used() -> (Duration, u64) {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return (Duration::ZERO, 0) };
    let time = |time: nix::sys::time::TimeVal| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        let micros = u64::try_from(time.tv_usec()).unwrap_or(0);
        Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros))
    };
    let memory_kib = u64::try_from(usage.max_rss()).unwrap_or(0);
    (time(usage.user_time()).saturating_add(time(usage.system_time())), memory_kib.saturating_mul(1_024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_is_written() {
        for (reservation_bytes, priority) in [(None, Priority::Idle), (Some(65_536), Priority::Low)] {
            let order = Order { grant: Grant { parent: 7, cpu_s: 2, memory_bytes: 3, priority }, reservation_bytes };
            assert_eq!(Order::of(&order.to_arguments()), Some(order));
        }
        assert_eq!(Order::of(&[]), None);
        assert_eq!(Order::of(&["1", "high", "2", "3", "0"].map(str::to_owned)), None);
    }
}
