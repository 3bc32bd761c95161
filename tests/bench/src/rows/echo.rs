//! References without Greenroom: a tokio task behind a bounded channel that sends back what it gets.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::sync::{mpsc, oneshot};

use super::repeat;
use crate::bench::{Bench, Round};
use crate::load::{Asker, Timing, choose};
use crate::sample::Sample;

/// As deep as an actor's mailbox.
const MAILBOX_COMMANDS: usize = 4_096;

struct Letter {
    number: u64,
    reply_to: Option<oneshot::Sender<u64>>,
}

struct EchoAsker {
    tasks: Arc<[mpsc::Sender<Letter>]>,
    number: u64,
}

impl Asker for EchoAsker {
    async fn ask(&mut self, random: u64) -> Result<()> {
        self.number = self.number.wrapping_add(1);
        let (reply_to, reply) = oneshot::channel();
        let letter = Letter { number: self.number, reply_to: Some(reply_to) };
        choose(&self.tasks, random)?.send(letter).await.ok().context("the echo ended")?;
        ensure!(reply.await? == self.number, "the echo answered something else");
        Ok(())
    }
}

/// Echoes until every sender is gone; how many letters it got.
async fn echo(mut mailbox: mpsc::Receiver<Letter>) -> u64 {
    let mut letters = 0u64;
    while let Some(Letter { number, reply_to }) = mailbox.recv().await {
        letters = letters.saturating_add(1);
        if let Some(reply_to) = reply_to {
            let _left = reply_to.send(number);
        }
    }
    letters
}

/// Asks so many tasks, so many at a time.
pub(super) fn ask(bench: &Bench, tasks: usize, in_flight: usize) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let start = |_| {
            let (sender, mailbox) = mpsc::channel(MAILBOX_COMMANDS);
            tokio::spawn(echo(mailbox));
            sender
        };
        let tasks: Arc<[_]> = (0..tasks).map(start).collect();
        let askers = (0..in_flight).map(|_| EchoAsker { tasks: Arc::clone(&tasks), number: 0 }).collect();
        repeat(bench, askers, Timing::Total, async |_| Ok(())).await
    })
}

/// Sends to one task, waiting only for room; the time ends when it has taken the last one.
pub(super) fn tell(bench: &Bench) -> Result<Vec<Sample>> {
    bench.block_on(async {
        let tells = bench.pace.tells;
        let mut samples = Vec::new();
        for round in bench.pace.rounds() {
            let began = Instant::now();
            let (sender, mailbox) = mpsc::channel(MAILBOX_COMMANDS);
            let taken = tokio::spawn(echo(mailbox));
            tokio::spawn(async move {
                for number in 0..tells {
                    if sender.send(Letter { number, reply_to: None }).await.is_err() {
                        break;
                    }
                }
            });
            let taken = taken.await?;
            let sample = Sample::rate(tells, began.elapsed());
            ensure!(taken == tells, "{tells} letters were sent, {taken} arrived");
            if round == Round::Counted {
                samples.push(sample);
            }
        }
        Ok(samples)
    })
}
