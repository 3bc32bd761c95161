//! Concurrent clients that count up, each with one command in flight.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use greenroom_kit::{Answer, Client};
use serde_json::Value;

use super::ledger::{Account, Command};

/// The kind that is counted up.
pub(crate) const KIND: &str = "counter";
/// How often the watcher looks at the clients.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What the watcher decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Look again.
    GoOn,
    /// The server is about to be gone: clients that get no answer stop.
    ServerGone,
}

/// Commands being sent.
struct Load<'a> {
    commands: &'a [Command],
    keys: Vec<String>,
    next: AtomicUsize,
    acknowledged: AtomicU64,
    is_server_gone: AtomicBool,
}

/// Sends commands from several clients at once until all are answered, or the server is gone.
///
/// `watch` is told how many were acknowledged, again and again. Everything sent is noted in `accounts`; the commands
/// that were never sent are returned.
pub(crate) fn send<'a>(
    client: &Client,
    clients: usize,
    commands: &'a [Command],
    accounts: &mut [Account],
    mut watch: impl FnMut(u64) -> Result<Watch>,
) -> Result<&'a [Command]> {
    let load = Load {
        commands,
        keys: accounts.iter().map(|account| account.key.clone()).collect(),
        next: AtomicUsize::new(0),
        acknowledged: AtomicU64::new(0),
        is_server_gone: AtomicBool::new(false),
    };
    let outcomes = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..clients).map(|_| scope.spawn(|| load.run(client))).collect();
        while !senders.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            if let Err(error) = load.look(&mut watch) {
                load.is_server_gone.store(true, Ordering::SeqCst);
                return Err(error);
            }
            sleep(LOOK_EVERY);
        }
        senders
            .into_iter()
            .map(|sender| sender.join().map_err(|_| anyhow::anyhow!("a client failed")))
            .collect::<Result<Vec<_>>>()
    })?;
    for outcome in outcomes {
        for (command, reply) in outcome? {
            if let Some(account) = accounts.get_mut(command.actor) {
                account.note(command.number, reply);
            }
        }
    }
    let sent = load.next.load(Ordering::SeqCst).min(commands.len());
    Ok(commands.get(sent..).unwrap_or_default())
}

impl Load<'_> {
    /// Tells the watcher how far the clients are, as long as the server is there.
    fn look(&self, watch: &mut impl FnMut(u64) -> Result<Watch>) -> Result<()> {
        if !self.is_server_gone.load(Ordering::SeqCst)
            && watch(self.acknowledged.load(Ordering::SeqCst))? == Watch::ServerGone
        {
            self.is_server_gone.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// One client: sends the next command, waits for its answer, and so on.
    fn run(&self, client: &Client) -> Result<Vec<(Command, Option<u64>)>> {
        let mut outcome = Vec::new();
        while !self.is_server_gone.load(Ordering::SeqCst)
            && let Some(command) = self.commands.get(self.next.fetch_add(1, Ordering::SeqCst))
        {
            let key = self.keys.get(command.actor).context("a command for no actor")?;
            let reply = match increment(client, key, command.number) {
                Ok(answer) => Some(value(answer).with_context(|| format!("command {} of {key}", command.number))?),
                Err(_) => None,
            };
            outcome.push((*command, reply));
            if reply.is_none() {
                break;
            }
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
        Ok(outcome)
    }
}

/// Counts an actor up by one, under an idempotency key that names the command. An error means: no answer.
pub(crate) fn increment(client: &Client, key: &str, number: u64) -> Result<Answer> {
    client.call_with_key(KIND, key, "increment", r#"{"by": 1}"#, Some(&format!("{key}-{number}")))
}

/// Reads an actor's value.
pub(crate) fn get(client: &Client, key: &str) -> Result<u64> {
    value(client.call(KIND, key, "get", "{}")?)
}

/// The number in a counter's reply.
pub(crate) fn value(answer: Answer) -> Result<u64> {
    let reply = answer.ok()?.json()?;
    match reply.get("value").and_then(Value::as_u64) {
        Some(value) => Ok(value),
        None => bail!("no value in {reply}"),
    }
}
