//! Any bytes are an export or an error.

use super::index::{Index, Source, frame_at, snapshot_at};

/// An export in memory.
struct InMemory(Vec<u8>);

impl Source for InMemory {
    fn place(&self) -> &'static str {
        "an export"
    }

    fn length(&self) -> std::io::Result<u64> {
        Ok(u64::try_from(self.0.len()).unwrap_or(u64::MAX))
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> std::io::Result<()> {
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        let end = from.saturating_add(into.len());
        let bytes = self.0.get(from..end).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// What is read as an export can be read again, record by record.
pub(crate) fn export(bytes: &[u8]) {
    let source = InMemory(bytes.to_vec());
    let Ok(index) = Index::read(&source) else { return };
    for entry in index.actors.values() {
        for (first, last, place) in &entry.frames {
            let frame = frame_at(&source, *place);
            assert!(frame.is_ok_and(|frame| (frame.header().first, frame.header().last()) == (*first, *last)));
        }
        for (_, place) in &entry.snapshots {
            assert!(snapshot_at(&source, *place).is_ok());
        }
    }
}
