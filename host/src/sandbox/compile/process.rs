//! The host's side: starts a worker, feeds it, watches it, believes only what is well-formed, and always ends it.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::time::ClockId;
use nix::unistd::Pid;

use super::bounds::Bounds;
use super::lockdown::{Grant, Priority};
use super::wire::{self, Reply, Verdict};
use super::worker::Order;
use super::{CompileCost, Refusal, TOO_BUSY, WORKER_VERB, count};

/// How often the host looks at a worker that is silent.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a worker may get nearly nothing before it is started anew with a share of the machine's time.
const STARVED_AFTER: Duration = Duration::from_secs(1);
/// Nearly nothing: less than this part of the time that passed.
const STARVED_BELOW: u32 = 8;
/// How long a worker that closed its pipe may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);
/// How much of what a worker writes to its standard error is kept.
const LAST_WORDS_BYTES: u64 = 4 * 1_024;
/// What an allocation that fails says before the process ends.
const OUT_OF_MEMORY: &str = "memory allocation of ";

/// What a worker may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
    pub(super) memory_bytes: u64,
    pub(super) code_bytes: u64,
    pub(super) reservation_bytes: Option<u64>,
    pub(super) priority: Priority,
}

/// What a worker said.
enum Word {
    Hello(io::Result<Bounds>),
    Answer(io::Result<Result<Reply, u64>>),
    /// The last of its standard error.
    LastWords(String),
}

/// Why the host ended a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    CpuTime,
    WallTime,
    Starved,
    HostEnds,
}

/// What is known of a worker when it is gone.
struct Report {
    hello: Option<io::Result<Bounds>>,
    answer: Option<io::Result<Result<Reply, u64>>>,
    last_words: String,
    ended: Option<Ended>,
    status: io::Result<ExitStatus>,
    cpu: Duration,
}

/// Compiles a component in a worker. The second value is what it took, also where nothing came of it.
pub(super) fn compile(
    program: &PathBuf,
    allowance: Allowance,
    component: &[u8],
    closing: &AtomicBool,
) -> (Result<(Vec<u8>, Bounds), Refusal>, CompileCost) {
    let began = Instant::now();
    let worker = match start(program, allowance) {
        Ok(worker) => worker,
        Err(error) => {
            let reason = format!("{} could not be started: {error}", program.display());
            return (Err(Refusal::Unavailable(reason)), CompileCost::default());
        }
    };
    let report = std::thread::scope(|scope| attend(scope, worker, allowance, component, closing));
    let mut cost = CompileCost { cpu: report.cpu, wall: began.elapsed(), ..CompileCost::default() };
    if let Some(Ok(Ok(reply))) = &report.answer {
        // A worker that was taken over could say less than the host saw.
        cost.cpu = cost.cpu.max(reply.cpu.min(allowance.cpu));
        cost.memory_bytes = reply.memory_bytes;
    }
    let result = judge(report);
    if let Ok((code, _)) = &result {
        cost.code_bytes = count(code.len());
    }
    (result, cost)
}

fn start(program: &PathBuf, allowance: Allowance) -> io::Result<Child> {
    let parent = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    // Backstops, in whole seconds: the host itself looks every few milliseconds.
    let cpu_s = allowance.cpu.as_secs().saturating_add(2);
    let grant = Grant { cpu_s, memory_bytes: allowance.memory_bytes, parent, priority: allowance.priority };
    let order = Order { grant, reservation_bytes: allowance.reservation_bytes };
    Command::new(program)
        .arg0("greenroom")
        .arg(WORKER_VERB)
        .args(order.to_arguments())
        .env_clear()
        .current_dir("/")
        // A terminal's ctrl-c is for the host, which ends its worker itself.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Talks to a worker until it has answered or must end. It is gone when this returns.
fn attend<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    mut worker: Child,
    allowance: Allowance,
    component: &'env [u8],
    closing: &AtomicBool,
) -> Report {
    // Three words at most, so that nobody waits for room.
    let (speak, words) = sync_channel(3);
    let talking = talk(scope, &mut worker, allowance, component, &speak);
    drop(speak);
    let mut report = Report {
        hello: None,
        answer: None,
        last_words: String::new(),
        ended: None,
        status: Err(io::ErrorKind::NotFound.into()),
        cpu: Duration::ZERO,
    };
    match talking {
        Ok(()) => watch(&mut report, &worker, allowance, closing, &words),
        Err(error) => report.hello = Some(Err(error)),
    }
    // Nobody else waits for it, so its id is still its own.
    report.cpu = report.cpu.max(cpu_of(&worker).unwrap_or_default());
    let is_over = matches!(report.answer, Some(Ok(_))) || report.ended.is_some();
    report.status = end(&mut worker, if is_over { Duration::ZERO } else { GRACE });
    while let Ok(word) = words.recv() {
        report.take(word);
    }
    report
}

/// Ends a worker, after a moment in which it may end by itself: how it does tells why.
fn end(worker: &mut Child, grace: Duration) -> io::Result<ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < grace {
        if let Some(status) = worker.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    // If it ended meanwhile, there is nothing to kill.
    let _ = worker.kill();
    worker.wait()
}

impl Report {
    fn take(&mut self, word: Word) {
        match word {
            Word::Hello(hello) => self.hello = Some(hello),
            Word::Answer(answer) => self.answer = Some(answer),
            Word::LastWords(text) => self.last_words = text,
        }
    }
}

/// Starts the threads that write to a worker and read from it; they end when its pipes do.
fn talk<'scope>(
    scope: &'scope Scope<'scope, '_>,
    worker: &mut Child,
    allowance: Allowance,
    component: &'scope [u8],
    speak: &SyncSender<Word>,
) -> io::Result<()> {
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut stdin = worker.stdin.take().ok_or_else(missing)?;
    let mut stdout = worker.stdout.take().ok_or_else(missing)?;
    let mut stderr = worker.stderr.take().ok_or_else(missing)?;
    let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
    // A worker that ended early breaks the pipe; what it said and how it ended tells more than that.
    named("compile-write").spawn_scoped(scope, move || drop(wire::write_component(&mut stdin, component)))?;
    let answers = speak.clone();
    named("compile-read").spawn_scoped(scope, move || {
        let hello = wire::read_hello(&mut stdout);
        let goes_on = hello.is_ok();
        let _ = answers.send(Word::Hello(hello));
        if goes_on {
            let _ = answers.send(Word::Answer(wire::read_reply(&mut stdout, allowance.code_bytes)));
        }
    })?;
    let last_words = speak.clone();
    named("compile-errors").spawn_scoped(scope, move || {
        let mut text = Vec::new();
        let _ = stderr.by_ref().take(LAST_WORDS_BYTES).read_to_end(&mut text);
        let _ = last_words.send(Word::LastWords(String::from_utf8_lossy(&text).into_owned()));
        // The rest is read and forgotten, so that the worker does not wait for a reader.
        let _ = io::copy(&mut stderr, &mut io::sink());
    })?;
    Ok(())
}

/// Waits until the worker has answered, has ended, or has to be ended.
fn watch(report: &mut Report, worker: &Child, allowance: Allowance, closing: &AtomicBool, words: &Receiver<Word>) {
    let began = Instant::now();
    loop {
        match words.recv_timeout(LOOK_EVERY) {
            Ok(word) => report.take(word),
            Err(RecvTimeoutError::Timeout) => {}
            // All pipes are closed: it has ended, or is about to.
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if report.answer.is_some() || matches!(report.hello, Some(Err(_))) {
            return;
        }
        report.cpu = report.cpu.max(cpu_of(worker).unwrap_or_default());
        report.ended = if closing.load(Ordering::Acquire) {
            Some(Ended::HostEnds)
        } else if report.cpu >= allowance.cpu {
            Some(Ended::CpuTime)
        } else if began.elapsed() >= allowance.wall {
            Some(Ended::WallTime)
        } else if allowance.priority == Priority::Idle && is_starved(began.elapsed(), report.cpu) {
            Some(Ended::Starved)
        } else {
            None
        };
        if report.ended.is_some() {
            return;
        }
    }
}

/// Whether a worker that runs only when nobody else wants to gets nowhere: begun anew, it loses little.
fn is_starved(wall: Duration, cpu: Duration) -> bool {
    wall >= STARVED_AFTER && cpu < wall.checked_div(STARVED_BELOW).unwrap_or_default()
}

/// The CPU time that a child used so far; `None` if the system does not tell.
fn cpu_of(worker: &Child) -> Option<Duration> {
    let id = Pid::from_raw(i32::try_from(worker.id()).ok()?);
    let time = ClockId::pid_cpu_clock_id(id).ok()?.now().ok()?;
    let nanos = u32::try_from(time.tv_nsec()).ok()?;
    Some(Duration::new(u64::try_from(time.tv_sec()).ok()?, nanos))
}

/// What the report says of the component, or of the machine.
fn judge(report: Report) -> Result<(Vec<u8>, Bounds), Refusal> {
    match report.ended {
        Some(Ended::HostEnds) => return Err(Refusal::HostEnds),
        Some(Ended::CpuTime) => return Err(Refusal::OutOfTime),
        Some(Ended::WallTime) => return Err(Refusal::Unavailable(TOO_BUSY.to_owned())),
        Some(Ended::Starved) => return Err(Refusal::Starved),
        None => {}
    }
    match (report.hello, report.answer) {
        (Some(Ok(bounds)), Some(Ok(Ok(reply)))) => answered(reply).map(|code| (code, bounds)),
        (Some(Ok(_)), Some(Ok(Err(code_bytes)))) => Err(Refusal::CodeTooLarge(code_bytes)),
        // It never came so far as to read the component: whatever is wrong is not the component.
        (Some(Err(_)) | None, _) => Err(unfit(&report.last_words, report.status)),
        (Some(Ok(_)), Some(Err(_)) | None) => Err(died(&report.last_words, report.status)),
    }
}

fn answered(reply: Reply) -> Result<Vec<u8>, Refusal> {
    let text = || String::from_utf8_lossy(&reply.body).into_owned();
    match reply.verdict {
        Verdict::Compiled => Ok(reply.body),
        Verdict::Refused => Err(Refusal::Refused(text())),
        Verdict::Feature => Err(Refusal::Feature(text())),
        Verdict::Panicked => Err(Refusal::Crashed("the compiler panicked".to_owned())),
        Verdict::OutOfMemory => Err(Refusal::OutOfMemory),
    }
}

fn unfit(last_words: &str, status: io::Result<ExitStatus>) -> Refusal {
    let said = last_line(last_words).unwrap_or_else(|| "it does not work as a compiler of this build".to_owned());
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    Refusal::Unavailable(format!("{said} ({status})"))
}

/// A worker that ended over a component without an answer.
fn died(last_words: &str, status: io::Result<ExitStatus>) -> Refusal {
    let status = match status.map_err(|error| error.to_string()) {
        Ok(status) => status,
        Err(reason) => return Refusal::Unavailable(reason),
    };
    let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
    match signal {
        _ if last_words.contains(OUT_OF_MEMORY) => Refusal::OutOfMemory,
        Some(Signal::SIGXCPU) => Refusal::OutOfTime,
        // Nothing in the worker does this to itself: somebody did, or the machine when memory ran out.
        Some(Signal::SIGKILL | Signal::SIGTERM) => {
            Refusal::Unavailable(format!("it was killed from outside ({status})"))
        }
        _ => Refusal::Crashed(match last_line(last_words) {
            Some(line) => format!("{line} ({status})"),
            None => status.to_string(),
        }),
    }
}

/// The last line that says something, short enough to be shown.
fn last_line(text: &str) -> Option<String> {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(signal: Signal) -> io::Result<ExitStatus> {
        Ok(ExitStatus::from_raw(signal as i32))
    }

    #[test]
    fn how_a_worker_ended_tells_whose_fault_it_is() {
        assert_eq!(died("memory allocation of 99 bytes failed", ended(Signal::SIGABRT)), Refusal::OutOfMemory);
        assert_eq!(died("", ended(Signal::SIGXCPU)), Refusal::OutOfTime);
        assert!(matches!(died("", ended(Signal::SIGKILL)), Refusal::Unavailable(_)));
        match died("first\nthread 'compile-0' has overflowed its stack\n\n", ended(Signal::SIGABRT)) {
            Refusal::Crashed(reason) => assert!(reason.starts_with("thread 'compile-0' has overflowed"), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(died("", Ok(ExitStatus::from_raw(3 << 8))), Refusal::Crashed(_)));
        assert!(matches!(unfit("", Ok(ExitStatus::from_raw(2 << 8))), Refusal::Unavailable(_)));
    }
}
