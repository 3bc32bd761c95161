//! The play: its size, its cast, the order of its acts.

use std::path::PathBuf;

use anyhow::{Context, Result};
use greenroom_kit::Client;

use super::acts::{after_the_crash, deploy, end, kill_under_load, past_states, refusals, repeat};
use super::backstage::Backstage;
use super::ledger::{Account, Command};
use super::screen::{Screen, grouped};
use crate::workspace::Workspace;

/// How much is sent, and by how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Increments in all.
    pub(crate) commands: u64,
    /// Clients that send at the same time.
    pub(crate) clients: usize,
}

/// The counters. The first gets every second command, so that it is long enough for a snapshot.
const COUNTERS: &[&str] = &["hot", "north", "south", "east"];

/// Everything that the acts share.
pub(crate) struct Play<'a> {
    pub(crate) size: Size,
    pub(crate) backstage: &'a Backstage,
    pub(crate) guests_dir: PathBuf,
    pub(crate) screen: &'a mut Screen,
    /// Talks to the server that runs now.
    pub(crate) client: Client,
    /// What was sent to each counter and what came back.
    pub(crate) accounts: Vec<Account>,
    /// Rows of the summary.
    pub(crate) rows: Vec<(&'static str, String)>,
}

impl<'a> Play<'a> {
    /// A play that has not begun.
    pub(crate) fn new(size: Size, backstage: &'a Backstage, workspace: &Workspace, screen: &'a mut Screen) -> Self {
        Self {
            size,
            backstage,
            guests_dir: workspace.guests_dir(),
            screen,
            client: Client::new(""),
            accounts: COUNTERS.iter().map(|key| Account::new(key)).collect(),
            rows: Vec::new(),
        }
    }

    /// Plays every act; the rows of the summary.
    pub(crate) fn perform(mut self) -> Result<Vec<(&'static str, String)>> {
        let commands = commands(self.size.commands);
        deploy::play(&mut self).context("deploying")?;
        let rest = kill_under_load::play(&mut self, &commands).context("killing the server under load")?;
        after_the_crash::play(&mut self).context("recovering")?;
        repeat::play(&mut self, rest).context("repeating")?;
        past_states::play(&mut self).context("reading the past")?;
        refusals::play(&mut self).context("refusing")?;
        end::play(&mut self).context("ending")?;
        Ok(self.rows)
    }

    /// The sum of a figure over the counters.
    pub(crate) fn total(&self, figure: impl Fn(&Account) -> u64) -> u64 {
        self.accounts.iter().map(figure).sum()
    }

    /// A figure of each counter, for people.
    pub(crate) fn each(&self, figure: impl Fn(&Account) -> u64) -> String {
        let figures = self.accounts.iter().map(|account| format!("{} {}", account.key, grouped(figure(account))));
        figures.collect::<Vec<_>>().join(", ")
    }
}

/// The increments in the order in which they are sent: every second one to the first counter, the others in turn.
fn commands(count: u64) -> Vec<Command> {
    let others = COUNTERS.len() - 1;
    let mut numbers = vec![0_u64; COUNTERS.len()];
    let mut turn = 0_usize;
    let next = |at: u64| {
        let actor = if at.is_multiple_of(2) {
            0
        } else {
            turn = (turn + 1) % others;
            turn + 1
        };
        let number = numbers.get_mut(actor)?;
        *number += 1;
        Some(Command { actor, number: *number })
    };
    (0..count).filter_map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_commands_go_to_the_first_counter_and_numbers_are_dense() {
        let commands = commands(600);
        for (actor, expected) in [300_u64, 100, 100, 100].into_iter().enumerate() {
            let numbers = commands.iter().filter(|command| command.actor == actor).map(|command| command.number);
            assert!(numbers.eq(1..=expected), "{actor}");
        }
    }
}
