//! What changes from one revision to another, as programs and people read it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::{CommandType, EventType, Manifest};
use crate::vocab::Sequence;

/// Something that was one thing and is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    /// In the revision that is active.
    pub from: T,
    /// In the candidate.
    pub to: T,
}

/// An event that goes on under another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// Its name.
    pub name: String,
    /// The highest version that the active revision knows.
    pub from: u16,
    /// The highest version that the candidate knows; lower in a way back.
    pub to: u16,
    /// The candidate reads what the active revision appends.
    pub reads_old: bool,
}

/// What changes between two manifests of a kind. Empty lists and `None`: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ManifestDiff {
    /// Commands that only the candidate has.
    pub commands_added: Vec<CommandType>,
    /// Commands that only the active revision has.
    pub commands_removed: Vec<CommandType>,
    /// Commands that began or ceased to be read-only, as the candidate has them.
    pub commands_changed: Vec<CommandType>,
    /// Event types that only the candidate reads.
    pub events_added: Vec<EventType>,
    /// Event types that only the active revision reads.
    pub events_removed: Vec<EventType>,
    /// Events whose highest version differs.
    pub events_raised: Vec<Raised>,
    /// The layout of the state.
    pub state_version: Option<Change<u32>>,
}

/// An event type that some revision of the kind declares and the candidate does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadType {
    /// Its name.
    pub name: String,
    /// The version of its payload's layout.
    pub version: u16,
    /// Where a journal holds one: then the candidate is refused. `None`: no journal does.
    pub held: Option<Place>,
}

/// Where a journal holds something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The key of the actor; `None`: it was appended while the journals were being looked through.
    pub actor: Option<String>,
    /// The number of the first such event of that actor.
    pub sequence: Option<Sequence>,
}

/// What changes from the active revision of a kind to a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionDiff {
    /// The number of the active revision; `None`: there is none, and all is new.
    pub against: Option<u32>,
    /// What the components say of themselves.
    pub manifest: ManifestDiff,
    /// Event types that earlier revisions declare and the candidate does not read.
    pub unread: Vec<UnreadType>,
    /// Actors whose journals were looked through for them.
    pub actors: u64,
    /// Of those, actors whose journals cannot be read, by any revision.
    pub unreadable_actors: u64,
    /// An actor with a snapshot in another state version than the candidate's; looked for if that version changes.
    pub older_snapshot: Option<String>,
    /// The version of the contract that the components were built for.
    pub contract: Change<String>,
    /// Bytes of the components.
    pub component_bytes: Change<u64>,
}

impl ManifestDiff {
    /// What changes from one to the other.
    #[must_use]
    pub fn between(active: &Manifest, candidate: &Manifest) -> Self {
        let (from, to) = (by_name(&active.commands), by_name(&candidate.commands));
        let only =
            |these: &BTreeMap<&str, bool>, those: &BTreeMap<&str, bool>| these_not_those(these, those, |_, _| false);
        let state = (active.state_version, candidate.state_version);
        Self {
            commands_added: only(&to, &from),
            commands_removed: only(&from, &to),
            commands_changed: these_not_those(&to, &from, |new, old| new != old)
                .into_iter()
                .filter(|command| from.contains_key(command.name.as_str()))
                .collect(),
            events_added: missing(&candidate.events, &active.events),
            events_removed: missing(&active.events, &candidate.events),
            events_raised: raised(active, candidate),
            state_version: (state.0 != state.1).then_some(Change { from: state.0, to: state.1 }),
        }
    }

    /// Whether the manifests say the same, but for the order.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl RevisionDiff {
    /// The event types for whose sake the candidate is refused.
    pub fn refused(&self) -> impl Iterator<Item = (&UnreadType, &Place)> {
        self.unread.iter().filter_map(|unread| Some((unread, unread.held.as_ref()?)))
    }

    /// The same in one sentence, each type once; empty: there is none.
    #[must_use]
    pub fn refusal(&self) -> String {
        let said: Vec<String> = self.refused().map(|(unread, place)| format!("{unread} ({place})")).collect();
        said.join(", ")
    }

    /// Lines that begin with `+`, `-` or `~`, under what they are about; what does not change is left out.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let manifest = &self.manifest;
        let commands = [
            lines('+', &manifest.commands_added, |command| command_text(command, "")),
            lines('-', &manifest.commands_removed, |command| command_text(command, "")),
            lines('~', &manifest.commands_changed, |command| {
                format!("{}  {}", command.name, if command.read_only { "is read-only now" } else { "may append now" })
            }),
        ];
        part(&mut text, "commands", &commands.concat());
        let events = [
            lines('+', &manifest.events_added, ToString::to_string),
            lines('-', &manifest.events_removed, ToString::to_string),
            lines('~', &manifest.events_raised, ToString::to_string),
        ];
        part(&mut text, "events", &events.concat());
        let looked = format!(" in {}", counted(self.actors, "journal"));
        let unread = lines('!', &self.unread, |unread| match &unread.held {
            Some(place) => format!("{unread}  held by {place}: this candidate is refused"),
            None => format!("{unread}  declared by an earlier revision, held by none{looked}"),
        });
        part(&mut text, "not read by the candidate", &unread);
        if self.unreadable_actors > 0 {
            let line = format!("  ! {} cannot be read by any revision\n", counted(self.unreadable_actors, "journal"));
            part(&mut text, "journals", &line);
        }
        if let Some(Change { from, to }) = manifest.state_version {
            let kept = match &self.older_snapshot {
                Some(actor) => format!("snapshots in another version are kept ({actor}): migrated or replayed"),
                None => "no snapshot in another version is kept".to_owned(),
            };
            part(&mut text, "state", &format!("  ~ version {from} → {to}  {kept}\n"));
        }
        if self.contract.from != self.contract.to {
            part(&mut text, "contract", &format!("  ~ {} → {}\n", self.contract.from, self.contract.to));
        }
        let Change { from, to } = self.component_bytes;
        if self.against.is_some() && from != to {
            part(&mut text, "component", &format!("  ~ {from} → {to} bytes\n"));
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

impl fmt::Display for UnreadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = if self.reads_old { "still read" } else { "not read any longer" };
        write!(f, "{} v{} → v{}  v{} is {old}", self.name, self.from, self.to, self.from)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.actor, self.sequence) {
            (Some(actor), Some(sequence)) => write!(f, "actor {actor}, event {sequence}"),
            _ => f.write_str("appended while it was looked for"),
        }
    }
}

fn by_name(commands: &[CommandType]) -> BTreeMap<&str, bool> {
    commands.iter().map(|command| (command.name.as_str(), command.read_only)).collect()
}

/// Those that the others do not have, or have in a way that differs.
fn these_not_those(
    these: &BTreeMap<&str, bool>,
    those: &BTreeMap<&str, bool>,
    differs: impl Fn(bool, bool) -> bool,
) -> Vec<CommandType> {
    let is_wanted = |name: &str, read_only: bool| those.get(name).is_none_or(|other| differs(read_only, *other));
    let wanted = these.iter().filter(|(name, read_only)| is_wanted(name, **read_only));
    wanted.map(|(name, read_only)| CommandType { name: (*name).to_owned(), read_only: *read_only }).collect()
}

/// The event types of `these` that `those` do not have, by name and version.
fn missing(these: &[EventType], those: &[EventType]) -> Vec<EventType> {
    let mut missing: Vec<EventType> = these.iter().filter(|event| !those.contains(event)).cloned().collect();
    missing.sort();
    missing.dedup();
    missing
}

fn raised(active: &Manifest, candidate: &Manifest) -> Vec<Raised> {
    let highest = |events: &[EventType]| {
        events.iter().fold(BTreeMap::<String, u16>::new(), |mut highest, event| {
            let version = highest.entry(event.name.clone()).or_default();
            *version = (*version).max(event.version);
            highest
        })
    };
    let to = highest(&candidate.events);
    let pairs =
        highest(&active.events).into_iter().filter_map(|(name, from)| Some((to.get(&name).copied()?, name, from)));
    let differing = pairs.filter(|(to, _, from)| to != from);
    let reads = |name: &str, version: u16| candidate.events.iter().any(|e| e.name == name && e.version == version);
    differing.map(|(to, name, from)| Raised { reads_old: reads(&name, from), name, from, to }).collect()
}

fn command_text(command: &CommandType, after: &str) -> String {
    let mark = if command.read_only { "  read-only" } else { after };
    format!("{}{mark}", command.name)
}

fn lines<T>(mark: char, items: &[T], said: impl Fn(&T) -> String) -> String {
    items.iter().fold(String::new(), |mut text, item| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {mark} {}", said(item));
        text
    })
}

fn part(text: &mut String, name: &str, lines: &str) {
    if !lines.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}\n{lines}");
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(commands: &[(&str, bool)], events: &[(&str, u16)], state_version: u32) -> Manifest {
        let command = |(name, read_only): &(&str, bool)| CommandType { name: (*name).into(), read_only: *read_only };
        let event = |(name, version): &(&str, u16)| EventType { name: (*name).into(), version: *version };
        Manifest {
            commands: commands.iter().map(command).collect(),
            events: events.iter().map(event).collect(),
            state_version,
        }
    }

    fn diff(unread: Vec<UnreadType>) -> RevisionDiff {
        let active = manifest(&[("add", false), ("clear", false), ("show", false)], &[("added", 1), ("greeted", 1)], 1);
        let candidate = manifest(&[("gift", false), ("add", false), ("show", true)], &[("added", 2), ("added", 1)], 2);
        RevisionDiff {
            against: Some(1),
            manifest: ManifestDiff::between(&active, &candidate),
            unread,
            actors: 3,
            unreadable_actors: 0,
            older_snapshot: Some("ada".into()),
            contract: Change { from: "1".into(), to: "1".into() },
            component_bytes: Change { from: 100, to: 120 },
        }
    }

    fn unread(held: Option<Place>) -> UnreadType {
        UnreadType { name: "greeted".into(), version: 1, held }
    }

    #[test]
    fn each_change_has_its_place() {
        let found = diff(Vec::new()).manifest;
        let names = |commands: &[CommandType]| commands.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found.commands_added), ["gift"]);
        assert_eq!(names(&found.commands_removed), ["clear"]);
        assert_eq!(found.commands_changed, [CommandType { name: "show".into(), read_only: true }]);
        assert_eq!(found.events_added, [EventType { name: "added".into(), version: 2 }]);
        assert_eq!(found.events_removed, [EventType { name: "greeted".into(), version: 1 }]);
        assert_eq!(found.events_raised, [Raised { name: "added".into(), from: 1, to: 2, reads_old: true }]);
        assert_eq!(found.state_version, Some(Change { from: 1, to: 2 }));
    }

    #[test]
    fn another_order_is_no_change() {
        let one = manifest(&[("a", false), ("b", true)], &[("x", 1), ("y", 2)], 3);
        let two = manifest(&[("b", true), ("a", false)], &[("y", 2), ("x", 1)], 3);
        assert!(ManifestDiff::between(&one, &two).is_empty());
        assert!(!ManifestDiff::between(&one, &Manifest { state_version: 4, ..two }).is_empty());
    }

    #[test]
    fn a_way_back_is_told_as_one() {
        let (old, new) = (manifest(&[], &[("x", 1)], 1), manifest(&[], &[("x", 1), ("x", 2)], 1));
        let back = ManifestDiff::between(&new, &old);
        assert_eq!(back.events_raised, [Raised { name: "x".into(), from: 2, to: 1, reads_old: false }]);
        assert_eq!(back.events_removed, [EventType { name: "x".into(), version: 2 }]);
    }

    #[test]
    fn people_read_it_line_by_line() {
        let text = diff(vec![unread(None)]).to_text();
        let expected = "commands\n  + gift\n  - clear\n  ~ show  is read-only now\nevents\n  + added v2\n  - greeted v1\n  \
            ~ added v1 → v2  v1 is still read\nnot read by the candidate\n  ! greeted v1  declared by an earlier revision, \
            held by none in 3 journals\nstate\n  ~ version 1 → 2  snapshots in another version are kept (ada): migrated or \
            replayed\ncomponent\n  ~ 100 → 120 bytes";
        assert_eq!(text, expected);
    }

    #[test]
    fn only_what_a_journal_holds_refuses() {
        assert_eq!(diff(vec![unread(None)]).refusal(), "");
        let held = diff(vec![unread(Some(Place { actor: Some("ada".into()), sequence: Some(Sequence(7)) }))]);
        assert_eq!(held.refusal(), "greeted v1 (actor ada, event 7)");
        assert!(held.to_text().contains("! greeted v1  held by actor ada, event 7: this candidate is refused"));
        let meanwhile = diff(vec![unread(Some(Place { actor: None, sequence: None }))]);
        assert_eq!(meanwhile.refusal(), "greeted v1 (appended while it was looked for)");
    }

    #[test]
    fn programs_read_what_was_written() {
        let written = diff(vec![unread(Some(Place { actor: Some("ada".into()), sequence: Some(Sequence(7)) }))]);
        let json = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<RevisionDiff>(&json).unwrap(), written);
        assert!(json.contains(r#""held":{"actor":"ada","sequence":7}"#), "{json}");
    }
}
