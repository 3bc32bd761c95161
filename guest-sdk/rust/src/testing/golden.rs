//! Golden journals: what code of a certain day stored, kept as text, so that later code can be tried on it.

use std::fmt::Write as _;

use super::Given;
use crate::{Actor, Event};

impl<A: Actor> Given<A> {
    /// The history as a golden journal: a line for each event, of its name, its version and its payload in hexadecimal.
    /// Write it to a file once, with the code of the day, and never change it.
    ///
    /// ```
    /// # use greenroom::{Actor, Answer, Command, Event, Never, Turn};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Tally { votes: u64 }
    /// # #[derive(Clone, Command, Deserialize)]
    /// # enum Ask { Vote { votes: u64 } }
    /// # #[derive(Event, Serialize, Deserialize)]
    /// # enum Fact { Voted { votes: u64 } }
    /// # impl Actor for Tally {
    /// #     type Command = Ask;
    /// #     type Event = Fact;
    /// #     type Reply = u64;
    /// #     type Rejection = Never;
    /// #     fn handle(&self, Ask::Vote { votes }: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Never> {
    /// #         turn.append(Fact::Voted { votes });
    /// #         Ok(turn.reply(|tally| tally.votes))
    /// #     }
    /// #     fn apply(&mut self, Fact::Voted { votes }: &Fact) {
    /// #         self.votes += votes;
    /// #     }
    /// # }
    /// use greenroom::testing::Given;
    ///
    /// let golden = Given::<Tally>::new().events([Fact::Voted { votes: 2 }]).golden();
    /// assert_eq!(golden, "voted v1 02\n");
    /// Given::<Tally>::new().replayed(&golden).when(Ask::Vote { votes: 1 }).then_reply(3);
    /// ```
    #[must_use]
    pub fn golden(&self) -> String {
        let mut text = String::new();
        let mut begin = 0;
        for (&index, &end) in self.types.iter().zip(&self.payloads.ends) {
            let payload = self.payloads.data.get(begin..end as usize).unwrap_or_default();
            if let Some(it) = A::Event::TYPES.get(usize::from(index)) {
                // Writing to a String cannot fail.
                let line = format!("{} v{} {}", it.name, it.version, hexadecimal(payload));
                let _ = writeln!(text, "{}", line.trim_end());
            }
            begin = end as usize;
        }
        text
    }

    /// The events of a golden journal have happened. Empty lines, and those that begin with `#`, are comments.
    ///
    /// # Panics
    /// When a line is not one, or names an event that this code cannot replay.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub fn replayed(mut self, golden: &str) -> Self {
        for line in golden.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let Some((name, version, payload)) = event_of(line) else {
                panic!("this is no line of a golden journal, `name v1 hexadecimal`: {line}");
            };
            self = self.stored_bytes(name, version, &payload);
        }
        self
    }
}

fn event_of(line: &str) -> Option<(&str, u16, Vec<u8>)> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?.parse().ok()?);
    let digits = words.next().unwrap_or_default();
    let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at.saturating_add(2)));
    let bytes =
        pairs.map(|pair| pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect::<Option<Vec<u8>>>()?;
    words.next().is_none().then_some((name, version, bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_version_and_a_payload() {
        assert_eq!(event_of("added v2 0aff"), Some(("added", 2, vec![10, 255])));
        assert_eq!(event_of("cleared v1"), Some(("cleared", 1, Vec::new())));
        assert_eq!(event_of("cleared v1 "), Some(("cleared", 1, Vec::new())));
        for wrong in ["added", "added 2 00", "added v2 0", "added v2 zz", "added v2 00 00", "added vx 00"] {
            assert_eq!(event_of(wrong), None, "{wrong}");
        }
    }
}
