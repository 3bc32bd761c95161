//! How many bytes of frames the host holds that readers handed out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use greenroom_host::frame::Frame;

/// Bytes of frames that were handed out.
#[derive(Debug, Default)]
pub(super) struct Handed {
    held: AtomicU64,
    most: AtomicU64,
    total: AtomicU64,
}

impl Handed {
    /// The same frame in bytes of its own, which are counted until the last of them is dropped.
    pub(super) fn counted(self: &Arc<Self>, frame: &Frame) -> Frame {
        let bytes = frame.bytes().to_vec();
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let held = self.held.fetch_add(count, Ordering::SeqCst) + count;
        self.most.fetch_max(held, Ordering::SeqCst);
        self.total.fetch_add(count, Ordering::SeqCst);
        let counted = Bytes::from_owner(Counted { bytes, handed: Arc::clone(self) });
        Frame::decode(counted).unwrap_or_else(|_| frame.clone())
    }

    /// The most that was held, and how much was handed out in all; begins anew.
    pub(super) fn take(&self) -> (u64, u64) {
        let most = self.most.swap(self.held.load(Ordering::SeqCst), Ordering::SeqCst);
        (most, self.total.swap(0, Ordering::SeqCst))
    }
}

/// The bytes of one frame.
struct Counted {
    bytes: Vec<u8>,
    handed: Arc<Handed>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let count = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        self.handed.held.fetch_sub(count, Ordering::SeqCst);
    }
}
