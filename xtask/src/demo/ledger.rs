//! What was sent to each actor and what came back: the demo's side of every proof.

use std::collections::BTreeMap;

/// One increment: the `number`th of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Command {
    /// Which actor, as an index into the ledger's.
    pub(crate) actor: usize,
    /// Which of its commands, from 1.
    pub(crate) number: u64,
}

/// One actor's account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    /// The actor's key.
    pub(crate) key: String,
    /// Each command sent, with the value in its reply if one came.
    replies: BTreeMap<u64, Option<u64>>,
}

impl Account {
    /// An actor that nothing was sent to.
    pub(crate) fn new(key: &str) -> Self {
        Self { key: key.to_owned(), replies: BTreeMap::new() }
    }

    /// Notes a command that was sent, and the reply if there was one. A repeated one is the same command.
    pub(crate) fn note(&mut self, number: u64, reply: Option<u64>) {
        let noted = self.replies.entry(number).or_default();
        *noted = reply.or(*noted);
    }

    /// How many different commands were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.replies.len() as u64
    }

    /// How many of them were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.replies.values().flatten().count() as u64
    }

    /// Those that were not.
    pub(crate) fn unacknowledged(&self) -> Vec<u64> {
        self.replies.iter().filter(|(_, reply)| reply.is_none()).map(|(number, _)| *number).collect()
    }

    /// The last acknowledged ones with their replies, at most `limit`.
    pub(crate) fn newest(&self, limit: usize) -> Vec<(u64, u64)> {
        let replied = self.replies.iter().rev().filter_map(|(number, reply)| reply.map(|reply| (*number, reply)));
        replied.take(limit).collect()
    }

    /// Whether the replies are exactly 1, 2, 3, … up to the number of commands, in some order.
    ///
    /// Every command counts up by one and replies with the sum. So a command that was lost leaves a number that is
    /// too low, one that was applied twice leaves one that nobody got, and two of them cannot cancel out.
    pub(crate) fn is_each_applied_once(&self) -> bool {
        let mut values: Vec<u64> = self.replies.values().flatten().copied().collect();
        values.sort_unstable();
        self.acknowledged() == self.sent() && values.into_iter().eq(1..=self.sent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(replies: &[(u64, Option<u64>)]) -> Account {
        let mut account = Account::new("a");
        replies.iter().for_each(|(number, reply)| account.note(*number, *reply));
        account
    }

    #[test]
    fn commands_applied_once_reply_with_every_number() {
        assert!(account(&[(1, Some(2)), (2, Some(1)), (3, Some(3))]).is_each_applied_once());
    }

    #[test]
    fn a_lost_a_doubled_and_an_unanswered_command_are_caught() {
        assert!(!account(&[(1, Some(1)), (2, Some(1))]).is_each_applied_once(), "the first was lost");
        assert!(!account(&[(1, Some(1)), (2, Some(3))]).is_each_applied_once(), "one was applied twice");
        assert!(!account(&[(1, Some(1)), (2, None)]).is_each_applied_once(), "one has no reply");
    }

    #[test]
    fn a_repeated_command_keeps_its_reply() {
        let account = account(&[(1, None), (1, Some(1)), (1, None)]);
        assert_eq!((account.sent(), account.acknowledged()), (1, 1));
    }
}
