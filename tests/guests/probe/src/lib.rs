//! An honest actor with a command for each thing that the host does for an actor.

#![expect(missing_docs, reason = "the names of the commands say what they do; only tests send them")]

use std::time::Duration;

use greenroom::{Actor, Answer, Caller, Command, Event, Turn};
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Probe {
    total: u64,
    /// What happened beside additions, in order.
    marks: Vec<String>,
}

#[derive(Debug, Clone, Command, Serialize, Deserialize)]
pub enum Ask {
    Add {
        by: u64,
    },
    /// Appends that many events of 1.
    Many {
        count: u64,
    },
    /// Accepted, and nothing happens.
    Nothing,
    /// Appends, asks for a tell, and is rejected all the same.
    Refuse,
    #[command(read_only)]
    Get,
    /// Who called, and the header `x-trace`.
    #[command(read_only)]
    Who,
    /// The time of the turn.
    #[command(read_only)]
    Now,
    Mark {
        text: String,
    },
    /// The same with an event of another type.
    Milestone,
    SetTimer {
        timer: String,
        in_ms: u64,
    },
    CancelTimer {
        timer: String,
    },
    /// What timers send.
    Tick {
        timer: String,
    },
    /// Tells another probe to add, without an event of its own.
    TellAdd {
        key: String,
        by: u64,
    },
    /// Adds and asks for a snapshot.
    Snapshot {
        by: u64,
    },
    /// Adds and asks to become passive.
    Leave {
        by: u64,
    },
    #[command(read_only)]
    Log {
        text: String,
    },
    /// Appends an event that it cannot apply.
    Poison,
}

#[derive(Debug, Event, Serialize, Deserialize)]
pub enum Fact {
    Added { by: u64 },
    Marked { text: String },
    MilestoneReached,
    Poisoned,
}

#[derive(Debug, Serialize)]
pub struct View {
    pub total: u64,
    pub marks: Vec<String>,
    /// The answer to a question about the command itself.
    pub note: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    AsAsked,
}

impl Actor for Probe {
    type Command = Ask;
    type Event = Fact;
    type Reply = View;
    type Rejection = Refusal;

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Refusal> {
        let mut note = String::new();
        match command {
            Ask::Add { by } => turn.append(Fact::Added { by }),
            Ask::Many { count } => (0..count).for_each(|_| turn.append(Fact::Added { by: 1 })),
            Ask::Nothing | Ask::Get => {}
            Ask::Refuse => {
                turn.append(Fact::Added { by: 1_000_000 });
                let other = turn.peer("probe", "told-by-a-rejected-command");
                turn.tell(other, "add", &By { by: 1 });
                return Err(Refusal::AsAsked);
            }
            Ask::Who => note = format!("{} {}", caller(turn), turn.header("x-trace").unwrap_or_default()),
            Ask::Now => note = turn.now().as_ms().to_string(),
            Ask::Mark { text } => turn.append(Fact::Marked { text }),
            Ask::Milestone => turn.append(Fact::MilestoneReached),
            Ask::Poison => turn.append(Fact::Poisoned),
            Ask::Tick { timer } => {
                let text = format!("{timer} by {}", caller(turn));
                turn.append(Fact::Marked { text });
            }
            Ask::Log { text } => greenroom::info!("{text}"),
            acting => act(acting, turn),
        }
        Ok(turn.reply(|probe| View { total: probe.total, marks: probe.marks.clone(), note }))
    }

    #[expect(clippy::panic, reason = "the event that cannot be applied is what it is for")]
    fn apply(&mut self, event: &Fact) {
        match event {
            Fact::Added { by } => self.total = self.total.saturating_add(*by),
            Fact::Marked { text } => self.marks.push(text.clone()),
            Fact::MilestoneReached => self.marks.push("milestone".to_owned()),
            Fact::Poisoned => panic!("an event that cannot be applied"),
        }
    }
}

/// The commands that ask the host for something.
fn act(command: Ask, turn: &mut Turn<Probe>) {
    match command {
        Ask::SetTimer { timer, in_ms } => {
            let at = turn.now() + Duration::from_millis(in_ms);
            turn.schedule(&timer, at, &Ask::Tick { timer: timer.clone() });
        }
        Ask::CancelTimer { timer } => turn.cancel(&timer),
        Ask::TellAdd { key, by } => turn.tell(turn.peer("probe", &key), "add", &By { by }),
        Ask::Snapshot { by } => {
            turn.append(Fact::Added { by });
            turn.request_snapshot();
        }
        Ask::Leave { by } => {
            turn.append(Fact::Added { by });
            turn.passivate();
        }
        _ => {}
    }
}

/// The payload of `add`.
#[derive(Serialize)]
struct By {
    by: u64,
}

fn caller(turn: &Turn<Probe>) -> String {
    match turn.caller() {
        Caller::Client(name) => format!("client {name}"),
        Caller::Actor(address) => format!("actor {}/{}", address.kind, address.key),
        Caller::Timer(name) => format!("timer {name}"),
    }
}

greenroom::export!(Probe);
