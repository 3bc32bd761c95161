//! Why something about tenants or keys was refused.

use crate::actor::AskError;
use crate::provider::StoreError;
use crate::vocab::Code;

/// Why something about tenants or keys was refused.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TenancyError {
    /// It is not allowed, or contradicts what there is.
    #[error("{reason}")]
    Refused {
        /// The stable code.
        code: Code,
        /// What is in the way, and what to do. Never holds a key.
        reason: String,
    },
    /// The host or its store is in the way.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl TenancyError {
    pub(super) fn refused(code: Code, reason: impl Into<String>) -> Self {
        Self::Refused { code, reason: reason.into() }
    }

    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Ask(error) => error.code(),
        }
    }
}

impl From<StoreError> for TenancyError {
    fn from(error: StoreError) -> Self {
        Self::Ask(error.into())
    }
}
