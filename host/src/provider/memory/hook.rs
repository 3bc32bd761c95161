//! Where a test may step in: before and after each change, and at each read. Nothing outside of tests.

use crate::provider::StoreError;

/// How one change of the store ends.
#[derive(Debug)]
#[cfg_attr(not(any(test, feature = "conformance")), expect(dead_code, reason = "only a test steps in"))]
pub(super) enum Course {
    /// As it should.
    Well,
    /// It is not done.
    Refused(StoreError),
    /// It is done, and the caller does not learn it.
    Obscured(StoreError),
}

/// What steps in, if anything.
#[derive(Debug, Default, Clone)]
pub(super) struct Hook {
    #[cfg(any(test, feature = "conformance"))]
    pub(super) faults: Option<std::sync::Arc<super::place::MemoryFaults>>,
}

#[cfg(any(test, feature = "conformance"))]
impl Hook {
    /// A change is about to be made.
    pub(super) fn change(&self) -> Course {
        self.faults.as_ref().map_or(Course::Well, |faults| faults.change())
    }

    /// Something is about to be read.
    pub(super) fn read(&self) -> Result<(), StoreError> {
        self.faults.as_ref().map_or(Ok(()), |faults| faults.read())
    }
}

#[cfg(not(any(test, feature = "conformance")))]
#[expect(clippy::unused_self, reason = "the same calls as where tests step in")]
impl Hook {
    pub(super) const fn change(&self) -> Course {
        Course::Well
    }

    #[expect(clippy::unnecessary_wraps, reason = "the same calls as where tests step in")]
    pub(super) const fn read(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
