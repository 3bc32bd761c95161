//! What strangers give the sandbox: components, and what their code returns.

use super::check::check_bytes;
use super::turn::Turn;
use super::v1::{ColumnResult, EventBatchResult, OutcomeBatch};
use super::{CommandColumns, CommandType, EventType, Manifest, Verdict, compile, outcome};
use crate::vocab::Limits;

/// Any bytes are checked or refused, in bounded memory, without a panic.
pub(crate) fn component(bytes: &[u8]) {
    let limits = Limits { component_bytes: 65_536, ..Limits::default() };
    let checked = check_bytes(bytes, &limits, &mut || Ok(()));
    compile::fuzz_checkpoints(bytes);
    assert!(checked.is_err() || bytes.starts_with(b"\0asm"), "what is no component passed");
}

/// Takes values off the front of bytes; what is not there is zero.
struct Values<'a>(&'a [u8]);

impl Values<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    /// Mostly small, sometimes anything: what is near the truth gets further.
    fn number(&mut self) -> u32 {
        match self.byte() {
            255 => u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
            small => u32::from(small),
        }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.byte() % 16).map(|_| item(self)).collect()
    }

    fn column(&mut self) -> ColumnResult {
        ColumnResult { data: self.list(Self::byte), ends: self.list(Self::number) }
    }
}

/// An outcome is refused, or its columns agree with each other, the batch, the manifest and the limits.
pub(crate) fn outcome(bytes: &[u8]) {
    let mut values = Values(bytes);
    let command = |name: &str, read_only| CommandType { name: name.to_owned(), read_only };
    let event = |name: &str| EventType { name: name.to_owned(), version: 1 };
    let manifest = Manifest {
        commands: vec![command("write", false), command("read", true)],
        events: vec![event("a"), event("b"), event("c")],
        state_version: 1,
    };
    let limits = Limits { turn_events: 12, event_bytes: 8, reply_bytes: 8, frame_bytes: 100, ..Limits::default() };
    let mut commands = CommandColumns::default();
    for name in values.list(|values| u16::from(values.byte() % 3)) {
        commands.names.push(name);
        commands.payloads.push(b"");
    }
    let batch = OutcomeBatch {
        appended: values.list(Values::number),
        events: EventBatchResult {
            types: values.list(|values| u16::try_from(values.number() % 65_536).unwrap_or(0)),
            payloads: values.column(),
        },
        verdicts: values.list(Values::byte),
        replies: values.column(),
    };
    let Ok(checked) = outcome::check(batch, Turn::default(), &commands, &manifest, &limits) else { return };
    let count = commands.names.len();
    assert!(checked.appended.len() == count && checked.verdicts.len() == count && checked.replies.len() == count);
    let appended: u64 = checked.appended.iter().map(|appended| u64::from(*appended)).sum();
    assert_eq!(appended, checked.events.types.len() as u64, "events without a command");
    assert_eq!(checked.events.payloads.iter().count(), checked.events.types.len(), "types without a payload");
    assert!(checked.events.types.iter().all(|event| usize::from(*event) < manifest.events.len()));
    assert!(checked.events.payloads.iter().chain(checked.replies.iter()).all(|item| item.len() <= 8));
    assert!(checked.events.types.len() <= 12);
    let rows = checked.appended.iter().zip(&checked.verdicts).zip(&commands.names);
    for ((appended, verdict), name) in rows {
        assert!(*appended == 0 || (*verdict == Verdict::Accepted && *name != 1), "a command that may not write wrote");
    }
}

/// What a compile worker says, and what it is told, is understood or refused, and never taken for more than arrived.
pub(crate) fn worker(bytes: &[u8]) {
    compile::fuzz_wire(bytes);
}
