//! Which HTTP status a code has. One table, so that a code always has the same one.

use axum::http::StatusCode;

use crate::vocab::Code;

/// The HTTP status of an error code.
///
/// 422 means only "the actor refused". 503 and 429 mean that nothing was stored and that the same request may be sent
/// again; an unknown outcome is a 500 on purpose, because proxies repeat a 503 by themselves.
#[must_use]
pub const fn http_status(code: Code) -> StatusCode {
    match code {
        Code::InvalidAddress
        | Code::MalformedPayload
        | Code::SequenceOutOfRange
        | Code::InvalidIdempotencyKey
        | Code::InvalidRequest
        | Code::NotAComponent
        | Code::ContractVersion
        | Code::ForbiddenImport
        | Code::InvalidManifest
        | Code::CompileFailed
        | Code::MissingExport
        | Code::LimitAboveCeiling
        | Code::ForbiddenFeature
        | Code::CompileOutOfTime
        | Code::CompileOutOfMemory
        | Code::CompilerCrashed
        | Code::UnknownSetting
        | Code::InvalidSetting
        | Code::FileUnreadable => StatusCode::BAD_REQUEST,
        Code::UnknownTenant
        | Code::UnknownKind
        | Code::UnknownCommand
        | Code::UnknownActor
        | Code::UnknownPath
        | Code::UnknownRevision
        | Code::UnknownKey => StatusCode::NOT_FOUND,
        Code::MissingKey | Code::MalformedKey | Code::InvalidKey => StatusCode::UNAUTHORIZED,
        Code::Forbidden
        | Code::TenantSuspended
        | Code::KindQuota
        | Code::ComponentQuota
        | Code::ActorQuota
        | Code::JournalQuota
        | Code::SnapshotQuota
        | Code::RevisionQuota => StatusCode::FORBIDDEN,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::IncompatibleRevision
        | Code::RevisionInUse
        | Code::WriteConflict
        | Code::TenantExists
        | Code::TenantInUse
        | Code::NotQuarantined
        | Code::RolloutUnderWay
        | Code::NoRollout
        | Code::RehearsalOvertaken
        | Code::NothingToSkip => StatusCode::CONFLICT,
        Code::PayloadTooLarge | Code::ComponentTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
        Code::MailboxFull
        | Code::CommandQuota
        | Code::LiveActorQuota
        | Code::MemoryQuota
        | Code::HostMemory
        | Code::JournalGrowthQuota
        | Code::CpuQuota
        | Code::TenantBusy
        | Code::TenantConnections
        | Code::VerifyUnderWay
        | Code::RehearsalUnderWay
        | Code::RehearsalsFull
        | Code::DeploysFull
        | Code::CompileQuota
        | Code::ActUnderWay => StatusCode::TOO_MANY_REQUESTS,
        Code::ShuttingDown
        | Code::StoreLocked
        | Code::StorePoisoned
        | Code::DiskFull
        | Code::Unreachable
        | Code::RecoveryOutOfTime
        | Code::CompilerUnavailable
        | Code::Quarantined
        | Code::Restarting
        | Code::PortInUse => StatusCode::SERVICE_UNAVAILABLE,
        Code::TimedOut | Code::GuestOutOfTime => StatusCode::GATEWAY_TIMEOUT,
        Code::GuestTrapped
        | Code::GuestOutOfMemory
        | Code::InvalidOutcome
        | Code::GuestLimit
        | Code::StartFailed
        | Code::ReplayFailed
        | Code::SnapshotFailed
        | Code::StateDrifted
        | Code::UnknownEventType
        | Code::OutcomeUnknown
        | Code::StoreFailed
        | Code::StoreCorrupt
        | Code::FormatTooNew
        | Code::SequenceGap
        | Code::AttemptCutOff
        | Code::RolloutTakenBack
        | Code::MachineLimit => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::ErrorKind;

    #[test]
    fn only_a_rejection_is_a_422() {
        for code in Code::ALL {
            assert_eq!(http_status(*code) == StatusCode::UNPROCESSABLE_ENTITY, *code == Code::Rejected, "{code}");
        }
    }

    #[test]
    fn a_status_never_contradicts_what_the_caller_should_do() {
        for code in Code::ALL {
            let status = http_status(*code);
            match code.kind() {
                ErrorKind::NotFound => assert_eq!(status, StatusCode::NOT_FOUND, "{code}"),
                ErrorKind::TooLarge => assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{code}"),
                ErrorKind::Request | ErrorKind::Rejected => assert!(status.is_client_error(), "{code}"),
                ErrorKind::Conflict | ErrorKind::Retry => assert_eq!(status, StatusCode::CONFLICT, "{code}"),
                ErrorKind::Guest | ErrorKind::Operator => assert!(status.is_server_error(), "{code}"),
                ErrorKind::Unknown => {
                    assert!(status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE, "{code}");
                }
                ErrorKind::Access | ErrorKind::Quota => {
                    assert!([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status), "{code}");
                }
                ErrorKind::Overloaded => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{code}"),
                ErrorKind::Unavailable => assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{code}"),
            }
        }
    }

    #[test]
    fn the_page_on_http_lists_every_code_with_its_status() {
        let page = include_str!("../../../docs/http.md");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| [GR")).collect();
        let served = Code::ALL.iter().filter(|code| !(80..100).contains(&(**code as u16)));
        let row = |code: &Code| {
            format!("| [{code}](errors/{code}.md) | {} | {} |", http_status(*code).as_u16(), code.title())
        };
        assert_eq!(rows, served.map(row).collect::<Vec<_>>());
    }
}
