//! Compilation: one component at a time, in a process of its own where the host has a program for it, from the cache
//! where possible.
//!
//! `process` is the host's side and `worker` the other one; `wire` is what they say to each other; `lockdown` takes the
//! worker's rights away, `bounds` names them. `in_process` is for hosts without such a program. `checkpoints` adds to the
//! code what lets it be interrupted everywhere.

mod bounds;
mod checkpoints;
mod cost;
mod features;
mod in_process;
mod lockdown;
mod process;
mod wire;
mod worker;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::Component;

use self::bounds::{Bound, Bounds};
use self::lockdown::Priority;
use super::cache::Cache;
use super::{DeployError, artifact};
use crate::vocab::{Digest, Limits};

pub use cost::CompileCost;
pub(super) use features::forbidden as forbidden_features;
pub use worker::compile_worker;

/// The hidden verb with which the program becomes a compile worker.
pub const WORKER_VERB: &str = "compile-worker";
/// Arguments behind the verb.
const ENGINE_ARGUMENTS: usize = 5;
/// The name of this very program, also when its file was replaced or removed meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// 1 for each bound that holds for compile workers, 0 for each that this machine does not have.
const BOUND_METRIC: &str = "greenroom_compile_worker_bound";

/// Why a compilation ended that got too little of the machine's time.
const TOO_BUSY: &str = "the machine was too busy for it";

/// Where components are compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CompilerProgram {
    /// In the host's own process. Bounded is only how many cores it takes: no time, no memory. For programs that embed
    /// the host and know whose components they deploy.
    #[default]
    InProcess,
    /// In a process of this very program, which must call [`compile_worker`] when it is started with [`WORKER_VERB`];
    /// `greenroom` does.
    ThisProgram,
    /// In a process of another program: `greenroom` of the same build.
    Program(PathBuf),
}

/// What became of a component in the compiler, before it is known which limit it was.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    Refused(String),
    Feature(String),
    OutOfTime,
    OutOfMemory,
    CodeTooLarge(u64),
    Crashed(String),
    /// The machine was never idle.
    Starved,
    Unavailable(String),
    HostEnds,
}

/// Compiles components; a second one waits for the first.
#[derive(Debug)]
pub(super) struct Compiler {
    cache: Option<Cache>,
    program: CompilerProgram,
    reservation_bytes: Option<u64>,
    turn: Mutex<()>,
    closing: AtomicBool,
    told: Once,
}

impl Compiler {
    pub(super) fn new(cache: Option<Cache>, program: CompilerProgram, reservation_bytes: Option<u64>) -> Self {
        let closing = AtomicBool::new(false);
        Self { cache, program, reservation_bytes, turn: Mutex::new(()), closing, told: Once::new() }
    }

    /// Waits until no other component is being compiled.
    pub(super) fn wait(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the worker that is at work, and refuses to start others.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Keeps a component's code for the next start, and no more than the cache may have.
    pub(super) fn keep(&self, digest: Digest, component: &Component, deployed: &BTreeSet<Digest>) {
        if let Some(cache) = &self.cache {
            cache.store(digest, component);
            cache.prune(component.engine(), deployed);
        }
    }

    /// Lets the cache have no more than it may.
    pub(super) fn prune(&self, engine: &Engine, deployed: &BTreeSet<Digest>) {
        if let Some(cache) = &self.cache {
            cache.prune(engine, deployed);
        }
    }

    /// Code that was compiled before.
    pub(super) fn cached(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        self.cache.as_ref()?.load(engine, digest)
    }

    /// The compiled code of `bytes`, whose digest is `digest`, and what it took.
    pub(super) fn compile(
        &self,
        engine: &Engine,
        limits: &Limits,
        digest: Digest,
        bytes: &[u8],
    ) -> (Result<Component, DeployError>, CompileCost) {
        let (code, cost) = self.code_of(engine, limits, bytes);
        let component = code
            .map_err(|refusal| told(refusal, limits, digest))
            .and_then(|code| artifact::load(engine, &code).map_err(|reason| DeployError::Compile { digest, reason }));
        (component, cost)
    }

    fn code_of(&self, engine: &Engine, limits: &Limits, bytes: &[u8]) -> (Result<Vec<u8>, Refusal>, CompileCost) {
        if self.closing.load(Ordering::Acquire) {
            return (Err(Refusal::HostEnds), CompileCost::default());
        }
        let program = match &self.program {
            CompilerProgram::InProcess => {
                return in_process::compile(engine, bytes, u64::from(limits.compiled_bytes));
            }
            CompilerProgram::ThisProgram => match this_program() {
                Ok(program) => program,
                Err(reason) => return (Err(Refusal::Unavailable(reason)), CompileCost::default()),
            },
            CompilerProgram::Program(program) => program.clone(),
        };
        let allowance = process::Allowance {
            cpu: Duration::from_millis(limits.compile_ms),
            wall: Duration::from_millis(limits.compile_wall_ms),
            memory_bytes: limits.compile_memory_bytes,
            code_bytes: u64::from(limits.compiled_bytes),
            reservation_bytes: self.reservation_bytes,
            priority: Priority::Idle,
        };
        let (mut result, mut cost) = process::compile(&program, allowance, bytes, &self.closing);
        if matches!(result, Err(Refusal::Starved)) {
            tracing::debug!("the machine is never idle; compiling with a share of its time");
            let idle = cost;
            let allowance = process::Allowance { priority: Priority::Low, ..allowance };
            (result, cost) = process::compile(&program, allowance, bytes, &self.closing);
            cost.cpu = cost.cpu.saturating_add(idle.cpu);
            cost.wall = cost.wall.saturating_add(idle.wall);
        }
        let code = result.map(|(code, bounds)| {
            self.told.call_once(|| tell(bounds));
            code
        });
        (code, cost)
    }
}

/// On Linux the program that runs, whatever became of its file; elsewhere its file.
fn this_program() -> Result<PathBuf, String> {
    if std::path::Path::new(THIS_PROGRAM).exists() {
        return Ok(PathBuf::from(THIS_PROGRAM));
    }
    std::env::current_exe().map_err(|error| format!("this program's own file is not known: {error}"))
}

/// Says once what holds compile workers in on this machine.
fn tell(bounds: Bounds) {
    for bound in Bound::ALL {
        let holds = if bounds.holds(bound) { 1.0 } else { 0.0 };
        metrics::gauge!(BOUND_METRIC, "bound" => bound.as_str()).set(holds);
    }
    let missing = bounds.missing();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        tracing::warn!(missing, "this machine does not let compile workers be bounded in everything; the rest holds");
    }
}

/// Says what the metrics of compilation mean.
pub(super) fn describe_metrics() {
    metrics::describe_gauge!(BOUND_METRIC, "Whether a bound on compile workers holds on this machine, by bound");
}

fn told(refusal: Refusal, limits: &Limits, digest: Digest) -> DeployError {
    match refusal {
        Refusal::Refused(reason) => DeployError::Compile { digest, reason },
        Refusal::Feature(features) => DeployError::ForbiddenFeature { features },
        Refusal::OutOfTime => DeployError::CompileOutOfTime { digest, limit_ms: limits.compile_ms },
        Refusal::OutOfMemory => DeployError::CompileOutOfMemory { digest, limit_bytes: limits.compile_memory_bytes },
        Refusal::CodeTooLarge(found) => {
            DeployError::TooLarge { what: "bytes of compiled code", found, limit: u64::from(limits.compiled_bytes) }
        }
        Refusal::Crashed(reason) => DeployError::CompilerCrashed { digest, reason },
        Refusal::Unavailable(reason) => DeployError::CompilerUnavailable { reason },
        Refusal::Starved => DeployError::CompilerUnavailable { reason: TOO_BUSY.to_owned() },
        Refusal::HostEnds => DeployError::HostEnds,
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What is valid stays valid with checkpoints; other bytes are refused or passed on, without a panic. See `fuzzing`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn fuzz_checkpoints(bytes: &[u8]) {
    let is_valid = |bytes: &[u8]| features::problem(bytes).is_none();
    match checkpoints::add(bytes) {
        Ok(changed) => assert!(changed.len() >= bytes.len() && is_valid(bytes) == is_valid(&changed)),
        Err(reason) if reason == checkpoints::WRONG_LENGTHS => {}
        Err(_) => assert!(!is_valid(bytes), "valid code could not be given checkpoints"),
    }
}

/// See `fuzzing`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn fuzz_wire(bytes: &[u8]) {
    use std::io::Read;
    const CODE_BYTES_MAX: u64 = 64;
    let _bounds = wire::read_hello(&mut &*bytes);
    if let Ok(component) = wire::read_component(&mut &*bytes) {
        assert!(component.len() < bytes.len(), "more was read than there is");
    }
    let mut rest = bytes;
    if let Ok(Ok(reply)) = wire::read_reply(&mut rest, CODE_BYTES_MAX) {
        let most = if reply.verdict == wire::Verdict::Compiled { CODE_BYTES_MAX } else { wire::TEXT_BYTES_MAX };
        assert!(count(reply.body.len()) <= most, "a body over its bound was taken");
        let mut again = Vec::new();
        assert!(
            wire::write_reply(&mut again, &reply).is_ok() && again == bytes,
            "a reply is not read as it is written"
        );
        assert!(rest.bytes().next().is_none());
    }
}
