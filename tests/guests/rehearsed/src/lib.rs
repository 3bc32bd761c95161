//! A total and a list of marks, in many versions. Which one it is stands in a marker that tests overwrite with a text of the
//! same length.

#![expect(missing_docs, reason = "the names of the commands say what they do; only tests send them")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenroom::{Actor, Answer, Command, Event, Turn};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// Which version it is.
static VERSION: &[u8; 32] = b"rehearsed-as:honest             ";

fn is(version: &str) -> bool {
    let text = String::from_utf8_lossy(black_box(VERSION)).into_owned();
    text.trim_start_matches("rehearsed-as:").trim_end() == version
}

/// Events that this very instance applied: a state that depends on it is no fold of the journal.
static APPLIED: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Default, Serialize)]
pub struct Rehearsed {
    total: u64,
    marks: Vec<String>,
}

impl<'de> Deserialize<'de> for Rehearsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            total: u64,
            marks: Vec<String>,
        }
        let Stored { total, marks } = Stored::deserialize(deserializer)?;
        if is("refuses-snapshots") {
            Err(D::Error::custom("this version reads no snapshot"))
        } else {
            Ok(Self { total, marks })
        }
    }
}

#[derive(Debug, Clone, Command, Serialize, Deserialize)]
pub enum Ask {
    Add {
        by: u64,
    },
    Many {
        count: u64,
    },
    Mark {
        text: String,
    },
    Remind {
        in_ms: u64,
    },
    #[command(read_only)]
    Get,
}

#[derive(Debug, Event, Serialize, Deserialize)]
pub enum Fact {
    Added { by: u64 },
    Marked { text: String },
}

#[derive(Debug, Serialize)]
pub struct View {
    pub total: u64,
    pub marks: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    Nothing,
}

impl Actor for Rehearsed {
    type Command = Ask;
    type Event = Fact;
    type Reply = View;
    type Rejection = Refusal;

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Refusal> {
        match command {
            Ask::Add { by: 0 } if !is("accepts-nothing") => return Err(Refusal::Nothing),
            Ask::Add { by } if is("appends-more") => turn.append(Fact::Added { by: by.saturating_add(1) }),
            Ask::Add { by } => turn.append(Fact::Added { by }),
            Ask::Many { count } => (0..count).for_each(|_| turn.append(Fact::Added { by: 1 })),
            Ask::Mark { text } => turn.append(Fact::Marked { text }),
            Ask::Remind { in_ms } => {
                let in_ms = if is("reminds-later") { in_ms.saturating_add(1) } else { in_ms };
                let at = turn.now() + Duration::from_millis(in_ms);
                turn.schedule("reminder", at, &Ask::Mark { text: "remembered".to_owned() });
            }
            Ask::Get => {}
        }
        Ok(turn.reply(|state| View { total: state.total, marks: state.marks.len() }))
    }

    #[expect(clippy::panic, reason = "an event that cannot be applied is what this version is for")]
    fn apply(&mut self, event: &Fact) {
        let before = APPLIED.fetch_add(1, Ordering::Relaxed);
        match event {
            Fact::Added { by } if is("doubles") => self.total = self.total.saturating_add(by.saturating_mul(2)),
            Fact::Added { by } if is("drifts") => self.total = self.total.saturating_add(by.saturating_add(before)),
            Fact::Added { by } => {
                if is("is-slow") {
                    (0..3_000_000_u64).for_each(|step| {
                        let _seen = black_box(step);
                    });
                }
                self.total = self.total.saturating_add(*by);
            }
            Fact::Marked { text } if is("cannot-mark") => panic!("this version cannot apply the mark {text}"),
            Fact::Marked { text } => self.marks.push(text.clone()),
        }
    }
}

greenroom::export!(Rehearsed);
