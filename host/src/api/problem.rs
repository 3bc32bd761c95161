//! An error as its caller sees it: `application/problem+json` (RFC 9457) with the stable code and what to do.

use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use super::http_status;
use crate::runtime::{AskError, RequestError, TenancyError};
use crate::sandbox::RevisionDiff;
use crate::vocab::{AddressError, Code, ErrorKind};

/// How long a caller should wait before it repeats a refused request, seconds.
const RETRY_AFTER_S: u64 = 1;

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: String,
    /// The actor's own reason, for a rejection.
    reason: Option<Box<RawValue>>,
    /// The methods that the path has, when the method was the problem.
    allow: Option<HeaderValue>,
    /// When the same request may be let in, where that is known.
    retry_after_s: Option<u64>,
    /// What a refused revision would have changed.
    diff: Option<Box<RevisionDiff>>,
}

/// The members on the wire.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: String,
    detail: &'a str,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<&'a RevisionDiff>,
}

impl Problem {
    /// A problem with a sentence about this very case.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), reason: None, allow: None, retry_after_s: None, diff: None }
    }

    /// A method that the path does not have; `allow` lists those it has.
    pub(super) fn method_not_allowed(detail: String, allow: &str) -> Self {
        Self { allow: HeaderValue::from_str(allow).ok(), ..Self::new(Code::MethodNotAllowed, detail) }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The sentence about this very case.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        http_status(self.code)
    }

    /// The document as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            r#type: format!("/errors/{}", self.code),
            title: self.code.title(),
            status: self.status().as_u16(),
            code: self.code.to_string(),
            detail: &self.detail,
            action: action(self.code.kind()),
            reason: self.reason.as_deref(),
            diff: self.diff.as_deref(),
        };
        // Only text and a value that was parsed already: there is nothing that could fail.
        serde_json::to_string(&document).unwrap_or_default()
    }
}

/// What the caller should do about an error of this kind, in one sentence.
#[must_use]
pub const fn action(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Request => "Change the request; the same one will be refused again.",
        ErrorKind::NotFound => "Check the name, or create what it names first.",
        ErrorKind::TooLarge => "Send less; the detail names the limit.",
        ErrorKind::Rejected => "This is the actor's answer; the reason member says why.",
        ErrorKind::Overloaded => "Wait a moment, then send the same request again.",
        ErrorKind::Unavailable => "Try again later, or elsewhere; nothing was stored.",
        ErrorKind::Conflict => "Read what is stored, then decide again.",
        ErrorKind::Retry => "Nothing was stored; send the same request again.",
        ErrorKind::Unknown => {
            "It may or may not have taken effect: read the state, or repeat it with the same Idempotency-Key."
        }
        ErrorKind::Guest => "The actor's code is at fault: tell its author, with the detail.",
        ErrorKind::Access => "Use a key that is valid and may do this, or ask the operator.",
        ErrorKind::Quota => "Give something back, or ask the operator for a higher quota.",
        ErrorKind::Operator => "Repair what the page of this code names; until then the same request fails again.",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.code.kind(), ErrorKind::Overloaded | ErrorKind::Unavailable) {
            let seconds = self.retry_after_s.unwrap_or(RETRY_AFTER_S);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code.kind() == ErrorKind::Access && http_status(self.code) == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.code == Code::TenantConnections {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let (code, retry_after_s) = (error.code(), error.retry_after_s());
        match error {
            AskError::Rejected(reason) => Self {
                reason: Some(reason_of(&reason)),
                ..Self::new(code, "the actor rejected the command; its reason is in the reason member")
            },
            // The guest's own words, as they are.
            AskError::Malformed(message) => Self::new(code, message),
            AskError::Request(error) => Self::from(error),
            other => Self { retry_after_s, ..Self::new(code, other.to_string()) },
        }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let told = Self { retry_after_s: error.retry_after_s(), ..Self::new(error.code(), error.to_string()) };
        match error {
            RequestError::IncompatibleRevision { diff, .. } => Self { diff: Some(diff), ..told },
            _ => told,
        }
    }
}

impl From<TenancyError> for Problem {
    fn from(error: TenancyError) -> Self {
        match error {
            TenancyError::Ask(error) => Self::from(error),
            other => Self::new(other.code(), other.to_string()),
        }
    }
}

impl From<AddressError> for Problem {
    fn from(error: AddressError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// The actor's reason byte for byte if it is JSON, as a JSON text otherwise.
fn reason_of(bytes: &[u8]) -> Box<RawValue> {
    if let Ok(value) = serde_json::from_slice::<Box<RawValue>>(bytes) {
        return value;
    }
    let text = String::from_utf8_lossy(bytes);
    serde_json::value::to_raw_value(text.as_ref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn rejected(reason: &'static [u8]) -> serde_json::Value {
        let problem = Problem::from(AskError::Rejected(Bytes::from_static(reason)));
        serde_json::from_str(&problem.to_json()).unwrap()
    }

    #[test]
    fn a_problem_says_what_happened_and_what_to_do() {
        let problem = Problem::from(AskError::ShuttingDown);
        let json: serde_json::Value = serde_json::from_str(&problem.to_json()).unwrap();
        assert_eq!(json["type"], "/errors/GR0009");
        assert_eq!(json["code"], "GR0009");
        assert_eq!(json["status"], 503);
        assert_eq!(json["title"], Code::ShuttingDown.title());
        assert!(json["action"].as_str().unwrap().contains("Try again"));
        assert!(json.get("reason").is_none());
    }

    #[test]
    fn a_reason_that_is_json_stays_byte_for_byte() {
        let problem = Problem::from(AskError::Rejected(Bytes::from_static(b"{\"short\":  1.50}")));
        assert!(problem.to_json().contains("\"reason\":{\"short\":  1.50}"));
    }

    #[test]
    fn a_reason_that_is_not_json_becomes_text() {
        assert_eq!(rejected(b"not enough money")["reason"], "not enough money");
        assert_eq!(rejected(b"")["reason"], "");
        assert_eq!(rejected(b"{\"a\":1} trailing")["reason"], "{\"a\":1} trailing");
        assert_eq!(rejected(b"\xff")["reason"], "\u{fffd}");
    }

    #[test]
    fn a_restart_says_when_it_is() {
        let restarting = |after_ms| AskError::Restarting { address: "a".into(), reason: "r".into(), after_ms };
        for (after_ms, seconds) in [(1, "1"), (1_000, "1"), (1_001, "2"), (29_500, "30")] {
            let response = Problem::from(restarting(after_ms)).into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[RETRY_AFTER], seconds);
        }
        let quarantined = AskError::Quarantined { address: "a".into(), reason: "r".into() };
        assert!(!Problem::from(quarantined).into_response().headers().contains_key(RETRY_AFTER));
    }

    #[test]
    fn a_full_mailbox_says_when_to_come_back() {
        let response = Problem::from(AskError::MailboxFull("default/counter/c-1".into())).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
