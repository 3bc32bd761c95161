//! What is wrong with an actor, judged when everything that is said of it was read.

use super::journals::Journal;
use super::ranges::{Place, gaps};
use super::segments::Walk;
use super::teller::{End, at, of};
use crate::provider::{Finding, FindingKind};
use crate::vocab::ActorId;

/// Gaps told of one actor; a journal that is torn to pieces is told by its first ones.
const GAPS_TOLD_MAX: usize = 16;

/// A finding before it is known how the actor is called.
struct Fault {
    kind: FindingKind,
    place: Place,
    sequence: Option<u64>,
    what: String,
}

impl Walk<'_> {
    /// Tells what is wrong with the actors of this walk.
    pub(super) fn judge(&mut self) -> Result<(), End> {
        let mut actors: Vec<ActorId> = self.journals.all().map(|(actor, _)| actor).collect();
        actors.sort_unstable();
        self.counts.actors += self.journals.len() as u64;
        for actor in actors {
            let faults = self.journals.get(actor).map(faults).unwrap_or_default();
            for fault in faults {
                let finding = at(fault.kind, fault.place, fault.what);
                let finding = of(finding, actor, self.address_of(actor), fault.sequence);
                self.teller.tell(without_place(finding, fault.place))?;
            }
        }
        Ok(())
    }
}

/// A fault that is nowhere names no file.
fn without_place(finding: Finding, place: Place) -> Finding {
    if place.segment > 0 { finding } else { Finding { file: None, segment: None, offset: None, ..finding } }
}

fn faults(journal: &Journal) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |kind, place, sequence, what: String| faults.push(Fault { kind, place, sequence, what });
    let (head, deleted) = (journal.head(), journal.deleted_through);
    if journal.introduced.is_none() {
        add(FindingKind::AddressMissing, journal.seen, None, "no record says who this actor is".to_owned());
    }
    for (before, after, place) in gaps([&journal.originals, &journal.copies], deleted, head).take(GAPS_TOLD_MAX) {
        let what = match place {
            Some(_) => format!("the journal goes from {before} to {after}: {} events are missing", after - before - 1),
            None => format!("the journal ends at {head}, but {} to {head} are missing", before.saturating_add(1)),
        };
        add(FindingKind::JournalGap, place.unwrap_or(journal.summary_at), Some(before.saturating_add(1)), what);
    }
    if let Some((sequence, place)) = journal.overlap {
        let what = format!("{} frames hold events that others hold too, this one first", journal.overlaps);
        add(FindingKind::JournalOverlap, place, Some(sequence), what);
    }
    if deleted > head {
        let what = format!("events through {deleted} are deleted, the journal ends at {head}");
        add(FindingKind::DeletedAheadOfJournal, journal.deleted_at, Some(deleted), what);
    }
    for (sequence, place) in journal.snapshots.iter().filter(|snapshot| snapshot.0 > head) {
        let what = format!("a snapshot holds events through {sequence}, the journal ends at {head}");
        add(FindingKind::SnapshotAhead, *place, Some(*sequence), what);
    }
    for sequence in &journal.awaited {
        let what = format!("the snapshot at {sequence} should exist, and is stored nowhere");
        add(FindingKind::SnapshotMissing, journal.summary_at, Some(*sequence), what);
    }
    let newest = journal.snapshots.last().map_or(0, |snapshot| snapshot.0);
    if deleted > newest && journal.awaited.is_empty() {
        let what = format!("events through {deleted} are deleted, the newest snapshot holds them through {newest}");
        add(FindingKind::DeletedUncovered, journal.deleted_at, Some(deleted), what);
    }
    faults
}
