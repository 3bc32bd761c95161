//! The actor summary: what is known of an actor, in one record, so that the segments that said it can be given up.

use std::sync::Arc;

use super::record::{self, RecordError, RecordKind};
use crate::frame::fields::Fields;
use crate::provider::Head;
use crate::vocab::{ActorId, Address, Sequence, Timestamp};

/// All that is known of an actor beside its frames and the content of its snapshots.
///
/// It takes the place of every earlier address, deletion and summary of the actor: earlier snapshots that it does not
/// name are gone. Head and deletion only ever grow, so a frame or deletion that was written shortly before it, and
/// that it does not know yet, is not taken back by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ActorSummary {
    pub(super) actor: ActorId,
    pub(super) address: Arc<Address>,
    pub(super) head: Head,
    /// The numbers of all snapshots, ascending.
    pub(super) snapshots: Vec<Sequence>,
}

impl ActorSummary {
    /// Writes the record; returns where its payload begins in `out`.
    pub(super) fn push(&self, out: &mut Vec<u8>) -> usize {
        let parts = [self.address.tenant.as_str(), self.address.kind.as_str(), self.address.key.as_str()];
        let mut fields = Vec::with_capacity(self.payload_bytes());
        fields.extend_from_slice(&self.actor.0);
        // As in a frame, zero means "never".
        let wake_at = self.head.wake_at.map_or(0, |at| at.0.max(1));
        for number in [self.head.sequence.0, self.head.deleted_through.0, wake_at] {
            fields.extend_from_slice(&number.to_le_bytes());
        }
        fields.extend_from_slice(&u32::try_from(self.snapshots.len()).unwrap_or(u32::MAX).to_le_bytes());
        for part in parts {
            // Names have at most 64 bytes, keys at most 1,024.
            fields.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_le_bytes());
        }
        fields.extend_from_slice(&[0; 6]);
        fields.extend(self.snapshots.iter().flat_map(|sequence| sequence.0.to_le_bytes()));
        let [tenant, kind, key] = parts.map(str::as_bytes);
        record::push(out, RecordKind::ActorSummary, &[&fields, tenant, kind, key])
    }

    /// Bytes of the payload.
    pub(super) fn payload_bytes(&self) -> usize {
        let address = &self.address;
        let texts = [address.tenant.as_str(), address.kind.as_str(), address.key.as_str()];
        FIELDS_BYTES + self.snapshots.len() * size_of::<u64>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// Reads a summary.
    pub(super) fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        decode(payload).ok_or(RecordError::Contradiction)
    }
}

/// Bytes in front of the list of snapshots.
const FIELDS_BYTES: usize = 56;

fn decode(payload: &[u8]) -> Option<ActorSummary> {
    let mut fields = Fields::new(payload);
    let actor = ActorId(fields.array()?);
    let (sequence, deleted_through) = (Sequence(fields.u64()?), Sequence(fields.u64()?));
    let wake_at = Some(fields.u64()?).filter(|at| *at > 0).map(Timestamp);
    let count = fields.u32()? as usize;
    let (tenant, kind, key) = (fields.u16()?, fields.u16()?, fields.u16()?);
    if fields.array()? != [0; 6] {
        return None;
    }
    // The list's bytes are there before any memory is taken for it.
    let list = fields.bytes(count.checked_mul(size_of::<u64>())?)?;
    let snapshots: Vec<_> = list.as_chunks().0.iter().map(|number| Sequence(u64::from_le_bytes(*number))).collect();
    let mut text = |length: u16| Some(std::str::from_utf8(fields.bytes(length.into())?).ok()?.to_owned());
    let address = Address::new(text(tenant)?, text(kind)?, text(key)?).ok()?;
    let sorted = snapshots.is_sorted_by(|a, b| a < b);
    let sound = fields.rest().is_empty() && sorted && deleted_through <= sequence;
    let head = Head { sequence, deleted_through, wake_at };
    sound.then(|| ActorSummary { actor, address: Arc::new(address), head, snapshots })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ActorSummary {
        let address = Arc::new(Address::new("tenant", "kind", "größer/2").expect("legal"));
        let head = Head { sequence: Sequence(9), deleted_through: Sequence(4), wake_at: Some(Timestamp(77)) };
        ActorSummary { actor: address.id(), address, head, snapshots: vec![Sequence(4), Sequence(8)] }
    }

    fn payload(summary: &ActorSummary) -> Vec<u8> {
        let mut out = Vec::new();
        let at = summary.push(&mut out);
        assert_eq!(record::verify(&out, RecordKind::ActorSummary).map(<[u8]>::len), Ok(summary.payload_bytes()));
        out[at..at + summary.payload_bytes()].to_vec()
    }

    #[test]
    fn a_summary_is_read_as_it_was_written() {
        let mut never = sample();
        never.head.wake_at = None;
        never.snapshots.clear();
        for summary in [sample(), never] {
            assert_eq!(ActorSummary::decode(&payload(&summary)), Ok(summary));
        }
    }

    #[test]
    fn a_summary_that_is_cut_off_or_too_long_is_refused() {
        let whole = payload(&sample());
        for length in 0..whole.len() {
            assert_eq!(ActorSummary::decode(&whole[..length]), Err(RecordError::Contradiction));
        }
        assert_eq!(ActorSummary::decode(&[whole.as_slice(), &[0]].concat()), Err(RecordError::Contradiction));
    }

    #[test]
    fn a_summary_whose_numbers_contradict_each_other_is_refused() {
        let mut deleted = sample();
        deleted.head.deleted_through = Sequence(10);
        let mut unsorted = sample();
        unsorted.snapshots = vec![Sequence(8), Sequence(4)];
        for summary in [deleted, unsorted] {
            assert_eq!(ActorSummary::decode(&payload(&summary)), Err(RecordError::Contradiction));
        }
    }
}
