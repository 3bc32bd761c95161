//! A request's body, read only as far as the limit allows.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::problem::Problem;
use crate::sandbox::limit_hit;
use crate::vocab::{Code, Limit, Tenant};

/// How much of a refused body is read and thrown away, so that its sender reads the refusal instead of a broken pipe.
const DISCARDED_BYTES_MAX: usize = /* 64 MiB */ 64 * 1_024 * 1_024;
/// How long that may take: the refusal is worth little to a sender that is slower.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

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

/// What became of the body of a request that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// It was read to its end: the next request may follow it.
    Read,
    /// A part of it is still on its way. The connection cannot be used again, and the answer has to say so: whoever sends
    /// another request over it loses that one, and cannot know whether it was handled.
    Unread,
}

impl Left {
    fn told_with(self, refusal: Problem) -> Problem {
        if self == Self::Unread { refusal.closing() } else { refusal }
    }
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
        Ok(Err(Unread::TooLarge)) => {
            // A sender that waits for permission has sent nothing yet; reading would ask it to start.
            let waits = head.headers.contains_key(EXPECT);
            let left = if waits { Left::Unread } else { discard(stream).await };
            Err(left.told_with(too_large(limit, announced)))
        }
        Ok(Err(Unread::Broken(reason))) => {
            Err(Problem::new(Code::InvalidRequest, format!("the body of the request broke off: {reason}")))
        }
        Err(_) => {
            let ms = limit.timeout.as_millis();
            let detail = format!("the body of the request did not arrive within {ms} ms");
            Err(Left::Unread.told_with(Problem::new(Code::InvalidRequest, detail)))
        }
    }
}

/// Reads what comes with a request that is refused whatever its body is, and throws it away, within bounds; the refusal
/// as it is to be told.
pub(super) async fn leave(request: Request, refusal: Problem) -> Problem {
    let (head, body) = request.into_parts();
    // A sender that waits for permission has sent nothing yet; reading would ask it to start.
    let waits = head.headers.contains_key(EXPECT);
    let left = if waits { Left::Unread } else { discard(body.into_data_stream()).await };
    left.told_with(refusal)
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

async fn discard(mut stream: BodyDataStream) -> Left {
    let drain = async {
        let mut discarded = 0_usize;
        while let Some(chunk) = stream.next().await {
            let Ok(chunk) = chunk else { return Left::Unread };
            discarded = discarded.saturating_add(chunk.len());
            if discarded > DISCARDED_BYTES_MAX {
                return Left::Unread;
            }
        }
        Left::Read
    };
    // The refusal is sent either way.
    timeout(DISCARD_TIMEOUT, drain).await.unwrap_or(Left::Unread)
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
        let request = Request::builder().header(CONTENT_LENGTH, "99").header(EXPECT, "100-continue");
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
        assert!(problem.closes());
    }

    /// More than is thrown away at once: the first chunk passes the limit, the second never comes.
    fn stuck() -> Body {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"abcdefghijk"))]);
        Body::from_stream(first.chain(stream::pending()))
    }

    #[tokio::test]
    async fn the_connection_ends_with_a_refusal_whose_body_was_not_read_to_its_end() {
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0_u8; 1_024 * 1_024]));
        let refusal = || Problem::new(Code::DeploysFull, "");
        let waits = Request::builder().header(EXPECT, "100-continue").body(Body::empty()).unwrap();
        let (stuck_in_it, endless, left, unasked) = tokio::join!(
            read(Request::new(stuck()), LIMIT),
            read(Request::new(Body::from_stream(endless)), LIMIT),
            leave(Request::new(stuck()), refusal()),
            leave(waits, refusal()),
        );
        for problem in [stuck_in_it.unwrap_err(), endless.unwrap_err()] {
            assert_eq!((problem.code(), problem.closes()), (Code::PayloadTooLarge, true));
        }
        assert!(left.closes() && unasked.closes());
        assert_eq!(axum::response::IntoResponse::into_response(left).headers()["connection"], "close");
    }

    #[tokio::test]
    async fn the_connection_stays_when_the_refused_body_was_read_to_its_end() {
        let problem = read(chunked(&["abcdefgh", "ijk", "more"]), LIMIT).await.unwrap_err();
        assert_eq!((problem.code(), problem.closes()), (Code::PayloadTooLarge, false));
        let refusal = leave(chunked(&["abc"]), Problem::new(Code::DeploysFull, "")).await;
        assert!(!refusal.closes());
        assert!(!axum::response::IntoResponse::into_response(refusal).headers().contains_key("connection"));
    }
}
