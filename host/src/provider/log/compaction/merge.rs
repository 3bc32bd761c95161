//! Bringing the events of an actor that is quiet now into one place, so that its recovery is one read, not hundreds.

use super::copy::{COPY_BATCH_BYTES, Mover, Pace};
use super::look::{self, Scattered};
use crate::provider::StoreError;
use crate::provider::log::LogSettings;
use crate::provider::log::core::Shared;
use crate::provider::log::index::FrameEntry;
use crate::provider::log::read::{continues, end_of, read_frames};
use crate::vocab::ActorId;

/// What one read brings in is left where it is from this size on: writing it again would gain little.
const LEFT_ALONE_BYTES: u64 = COPY_BATCH_BYTES as u64 / 2;

/// Frames that one read brings in.
#[derive(Debug, PartialEq, Eq)]
struct OneRead<'a> {
    frames: &'a [FrameEntry],
    bytes: u64,
}

/// The reads that bring in `frames`, in order.
fn reads(frames: &[FrameEntry]) -> impl Iterator<Item = OneRead<'_>> {
    let mut rest = frames;
    std::iter::from_fn(move || {
        let first = rest.first()?.place;
        let mut end = end_of(first);
        let together = rest.iter().skip(1).take_while(|next| {
            let near = continues(first, end, next.place);
            end = if near { end_of(next.place) } else { end };
            near
        });
        let (run, behind) = rest.split_at_checked(1 + together.count())?;
        rest = behind;
        Some(OneRead { frames: run, bytes: run.iter().map(|frame| u64::from(frame.place.length)).sum() })
    })
}

/// Whether reading these frames takes many small reads.
fn is_scattered(settings: &LogSettings, frames: &[FrameEntry]) -> bool {
    // A read holds at least one frame, so most actors are done with here.
    if settings.merge_reads_min == 0 || frames.len() < settings.merge_reads_min {
        return false;
    }
    let small = reads(frames).filter(|read| read.bytes < LEFT_ALONE_BYTES);
    let (count, bytes) = small.fold((0u64, 0u64), |(count, bytes), read| (count + 1, bytes + read.bytes));
    count >= settings.merge_reads_min as u64 && bytes / count.max(1) < u64::from(settings.merge_read_bytes)
}

/// Merges some actors that need it; returns how many, and the bytes written. A crash leaves both places of some frames.
///
/// Looks at some of those that checkpoints found, behind the entry `after`, which is where the next turn goes on.
pub(super) fn merge_some(shared: &Shared, after: &mut Option<Vec<u8>>, pace: Pace) -> Result<(u64, u64), StoreError> {
    if shared.settings.merge_reads_min == 0 {
        return Ok((0, 0));
    }
    let (scattered, last) = look::scattered(shared, after.as_deref().unwrap_or_default())?;
    *after = last;
    let mut mover = Mover::new(shared, pace);
    let (mut merged, mut done) = (0, Vec::new());
    for Scattered { actor, frames, key } in scattered {
        if is_scattered(&shared.settings, &frames) {
            match merge(shared, &mut mover, actor, &frames) {
                Ok(()) => merged += 1,
                // Damage is that actor's matter; its readers are told.
                Err(error @ StoreError::Corrupt { .. }) => super::report(&error, "its events stay where they are"),
                Err(error) => return Err(error),
            }
        }
        done.push(key);
    }
    mover.flush()?;
    // Only now: what could not be written is tried again.
    done.into_iter().for_each(|key| shared.lock().index.gather(key));
    Ok((merged, mover.bytes))
}

fn merge(shared: &Shared, mover: &mut Mover<'_>, actor: ActorId, frames: &[FrameEntry]) -> Result<(), StoreError> {
    let mut stretch: Vec<FrameEntry> = Vec::new();
    let mut bytes = 0;
    for read in reads(frames) {
        let large = read.bytes >= LEFT_ALONE_BYTES;
        if !stretch.is_empty() && (large || bytes + read.bytes > COPY_BATCH_BYTES as u64) {
            write(shared, mover, actor, &std::mem::take(&mut stretch))?;
            bytes = 0;
        }
        if !large {
            stretch.extend_from_slice(read.frames);
            bytes += read.bytes;
        }
    }
    write(shared, mover, actor, &stretch)
}

fn write(shared: &Shared, mover: &mut Mover<'_>, actor: ActorId, frames: &[FrameEntry]) -> Result<(), StoreError> {
    mover.watch()?;
    let frames = read_frames(shared, actor, frames)?;
    mover.push_frames(frames.into_iter().map(Ok))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::log::index::Place;
    use crate::vocab::Sequence;

    fn frame(number: u64, segment: u64, offset: u32, length: u32) -> FrameEntry {
        FrameEntry { first: Sequence(number), last: Sequence(number), place: Place { segment, offset, length } }
    }

    fn settings() -> LogSettings {
        LogSettings { merge_reads_min: 3, merge_read_bytes: 1_000, ..LogSettings::default() }
    }

    #[test]
    fn frames_that_lie_near_each_other_are_one_read() {
        let frames = [frame(1, 1, 100, 50), frame(2, 1, 200, 50), frame(3, 1, 900_000, 50), frame(4, 2, 1_000_000, 50)];
        let lengths: Vec<usize> = reads(&frames).map(|read| read.frames.len()).collect();
        assert_eq!(lengths, [2, 1, 1]);
    }

    #[test]
    fn many_small_reads_are_scattered_few_or_large_ones_are_not() {
        let far = |length: u32| (1..=4).map(|number| frame(number, number, 100, length)).collect::<Vec<_>>();
        assert!(is_scattered(&settings(), &far(100)));
        assert!(!is_scattered(&settings(), &far(100)[..2]));
        assert!(!is_scattered(&settings(), &far(5_000)));
        assert!(!is_scattered(&LogSettings { merge_reads_min: 0, ..settings() }, &far(100)));
    }
}
