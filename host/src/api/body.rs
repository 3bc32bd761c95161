//! A request's body, read only as far as the limit allows.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::problem::Problem;
use crate::sandbox::limit_hit;
use crate::vocab::{Code, Limit, Tenant};

/// How much a body may have, and how a larger one is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimit<'a> {
    pub(super) bytes: u32,
    pub(super) timeout: Duration,
    /// What the body is, for the message.
    pub(super) what: &'static str,
    /// The setting that bounds it, for the message.
    pub(super) setting: &'static str,
    /// Which limit it is, and whose, for its metric; `None`: none of the table.
    pub(super) hit: Option<(&'a Tenant, Limit)>,
    /// The code of a body that is too large.
    pub(super) code: Code,
}

enum Unread {
    TooLarge,
    Broken(String),
}

/// Reads a body of at most `limit.bytes`.
///
/// # Errors
/// A problem: too large (refused before it is buffered, if its length was announced), too slow, or broken off.
pub(super) async fn read(request: Request, limit: BodyLimit<'_>) -> Result<Bytes, Problem> {
    let bytes_max = usize::try_from(limit.bytes).unwrap_or(usize::MAX);
    let (head, body) = request.into_parts();
    let mut stream = body.into_data_stream();
    let announced = announced_bytes(&head.headers);
    let read = if announced.is_some_and(|bytes| bytes > u64::from(limit.bytes)) {
        Ok(Err(Unread::TooLarge))
    } else {
        timeout(limit.timeout, collect(&mut stream, bytes_max)).await
    };
    match read {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(Unread::TooLarge)) => Err(too_large(limit, announced)),
        Ok(Err(Unread::Broken(reason))) => {
            Err(Problem::new(Code::InvalidRequest, format!("the body of the request broke off: {reason}")))
        }
        Err(_) => {
            let ms = limit.timeout.as_millis();
            let detail = format!("the body of the request did not arrive within {ms} ms");
            Err(Problem::new(Code::InvalidRequest, detail))
        }
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Most bodies arrive as one chunk, which is then passed on without a copy.
async fn collect(stream: &mut BodyDataStream, bytes_max: usize) -> Result<Bytes, Unread> {
    let Some(first) = stream.next().await else { return Ok(Bytes::new()) };
    let first = checked(first, 0, bytes_max)?;
    let Some(second) = stream.next().await else { return Ok(first) };
    let mut body = BytesMut::from(first);
    body.extend_from_slice(&checked(second, body.len(), bytes_max)?);
    while let Some(chunk) = stream.next().await {
        let chunk = checked(chunk, body.len(), bytes_max)?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn checked(chunk: Result<Bytes, axum::Error>, read_bytes: usize, bytes_max: usize) -> Result<Bytes, Unread> {
    let chunk = chunk.map_err(|error| Unread::Broken(error.to_string()))?;
    if chunk.len() > bytes_max.saturating_sub(read_bytes) { Err(Unread::TooLarge) } else { Ok(chunk) }
}

fn too_large(limit: BodyLimit, announced: Option<u64>) -> Problem {
    if let Some((tenant, name)) = limit.hit {
        limit_hit(tenant, name);
    }
    let BodyLimit { what, bytes, setting, .. } = limit;
    let found = announced.map_or_else(|| format!("more than {bytes}"), |bytes| bytes.to_string());
    Problem::new(limit.code, format!("the {what} has {found} bytes, the limit is {bytes} ({setting})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures_util::stream;

    const LIMIT: BodyLimit<'static> = BodyLimit {
        bytes: 10,
        timeout: Duration::from_millis(50),
        what: "payload",
        setting: "limits.command_bytes",
        hit: None,
        code: Code::PayloadTooLarge,
    };

    fn chunked(chunks: &[&'static str]) -> Request {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk.as_bytes()))).collect();
        Request::new(Body::from_stream(stream::iter(chunks)))
    }

    #[tokio::test]
    async fn chunks_are_joined_up_to_the_limit() {
        assert_eq!(read(chunked(&[]), LIMIT).await.unwrap(), "");
        assert_eq!(read(chunked(&["abc"]), LIMIT).await.unwrap(), "abc");
        assert_eq!(read(chunked(&["abc", "defg", "hij"]), LIMIT).await.unwrap(), "abcdefghij");
    }

    #[tokio::test]
    async fn a_body_without_length_is_refused_at_the_limit() {
        let problem = read(chunked(&["abc", "defg", "hijk"]), LIMIT).await.unwrap_err();
        assert_eq!(problem.code(), Code::PayloadTooLarge);
        assert!(problem.detail().contains("more than 10") && problem.detail().contains("limits.command_bytes"));
    }

    #[tokio::test]
    async fn an_announced_length_is_refused_unread() {
        let request = Request::builder().header(CONTENT_LENGTH, "99");
        let body = Body::from_stream(stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> {
            panic!("the body was read");
        }));
        let problem = read(request.body(body).unwrap(), LIMIT).await.unwrap_err();
        assert!(problem.detail().contains("99 bytes"), "{}", problem.detail());
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_refused_in_time() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let problem = read(Request::new(body), LIMIT).await.unwrap_err();
        assert_eq!(problem.code(), Code::InvalidRequest);
    }
}
