//! A request's body as JSON.

use axum::extract::Request;
use serde::de::DeserializeOwned;

use super::body::{self, BodyLimit};
use super::context::Context;
use super::problem::Problem;
use crate::runtime::KeyText;
use crate::vocab::Code;

/// The largest body that administers something: names and numbers.
const JSON_BYTES_MAX: u32 = /* 64 KiB */ 64 * 1_024;

/// Reads a small JSON body; an empty one is `{}`.
///
/// # Errors
/// A problem: too large, too slow, not JSON, or with members that are not known.
pub(super) async fn read<T: DeserializeOwned>(context: &Context, request: Request) -> Result<T, Problem> {
    let limit = BodyLimit {
        bytes: JSON_BYTES_MAX,
        timeout: context.settings.body_read_timeout(),
        what: "body",
        setting: "64 KiB for this path",
        hit: None,
        code: Code::PayloadTooLarge,
    };
    let body = body::read(request, limit).await?;
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(text).map_err(|error| {
        let reason = error.to_string();
        // The reader repeats names that it does not know; a key that was sent as one is not repeated.
        let reason = if KeyText::is_in(&reason) { "it holds a key where none belongs".to_owned() } else { reason };
        Problem::new(Code::InvalidRequest, format!("the body is not understood: {reason}"))
    })
}
