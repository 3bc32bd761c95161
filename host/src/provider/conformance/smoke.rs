//! A larger journal, written in the two ways that there are, and read back. Nothing is timed here.

use super::kit::{Check, Subject, actor, ensure, ensure_eq, events, turn};
use crate::vocab::Sequence;

/// Appends of each kind.
const APPENDS: u64 = 10_000;
/// Appends that are under way at a time.
const PIPELINE: u64 = 1_000;

/// P112: all of them, in order, also after the store was opened again.
pub(super) async fn p112_ten_thousand_one_by_one_pipelined_and_recovered(subject: Subject) -> Check {
    let (one, two) = (actor("one")?, actor("two")?);
    for expected in 0..APPENDS {
        ensure_eq!(subject.append(&one, expected, 1).await?, expected + 1);
    }
    for start in (0..APPENDS).step_by(1_000) {
        let mut pipelined = Vec::new();
        for expected in start..start + PIPELINE {
            pipelined.push(subject.provider.append(turn(&two, expected, 1)?));
        }
        for (expected, append) in (start + 1..).zip(pipelined) {
            ensure_eq!(append.await?, Sequence(expected));
        }
    }
    let wanted = events(1, APPENDS);
    for address in [&one, &two] {
        ensure!(subject.all(address.id()).await? == wanted, "other events than were appended");
    }
    if subject.place.reopens().offered().is_ok() {
        let subject = subject.reopened().await?;
        for address in [&one, &two] {
            ensure!(subject.all(address.id()).await? == wanted, "other events after opening again");
        }
    }
    Ok(())
}
