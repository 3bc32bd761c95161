//! A child process whose output is kept, and which never outlives its owner.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How many lines of output are kept; the oldest go first.
const LINES_MAX: usize = 2_000;
/// How often an ending process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Lines of output that several threads add to.
type Lines = Arc<Mutex<VecDeque<String>>>;

/// A running child process; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Lines,
    /// Lines of standard output while somebody waits for them.
    stdout: Receiver<String>,
    /// The threads that read both streams; they end when the process has.
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a command in a process group of its own: an interrupt from the terminal reaches its owner only,
    /// who decides when it ends.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let program = command.get_program().to_string_lossy().into_owned();
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().with_context(|| format!("{program} could not be started"))?;
        let lines = Lines::default();
        // More than the start-up lines: a full channel is not waited for, its lines are in the log.
        let (sender, stdout) = sync_channel(64);
        let readers = vec![keep(child.stdout.take(), &lines, Some(sender))?, keep(child.stderr.take(), &lines, None)?];
        Ok(Self { child, lines, stdout, readers })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard output; fails when the process ends or the time is over.
    pub(crate) fn next_line(&mut self, until: Instant) -> Result<String> {
        let left = until.saturating_duration_since(Instant::now());
        match self.stdout.recv_timeout(left) {
            Ok(line) => Ok(line),
            Err(_) => bail!("{}; its output:\n{}", self.describe_end(), self.log()),
        }
    }

    /// What became of the process, for people.
    fn describe_end(&mut self) -> String {
        match self.wait(Duration::from_millis(500)) {
            Ok(status) => {
                // The last lines may still be in the pipes; a reader that panicked has nothing more to give.
                self.readers.drain(..).for_each(|reader| drop(reader.join()));
                format!("the process ended ({status})")
            }
            Err(_) => "the process said nothing in time".to_owned(),
        }
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + at_most;
        loop {
            if let Some(status) = self.child.try_wait().context("the process was lost")? {
                return Ok(status);
            }
            if Instant::now() >= until {
                bail!("the process {} did not end within {at_most:?}", self.child.id());
            }
            sleep(LOOK_EVERY);
        }
    }

    /// Ends the process without warning (SIGKILL) and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("the process could not be killed")?;
        self.child.wait().context("the process was lost")?;
        Ok(())
    }

    /// What it wrote, both streams in the order of arrival.
    pub(crate) fn log(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().fold(String::new(), |log, line| log + line + "\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a stream to its end in a thread of its own.
fn keep(
    stream: Option<impl Read + Send + 'static>,
    lines: &Lines,
    waiting: Option<SyncSender<String>>,
) -> Result<JoinHandle<()>> {
    let stream = stream.context("a stream of the process is missing")?;
    let lines = Arc::clone(lines);
    let read = move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some(waiting) = &waiting {
                let _ = waiting.try_send(line.clone());
            }
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    };
    Builder::new().name("process-output".to_owned()).spawn(read).context("no thread for the output")
}
