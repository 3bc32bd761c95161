//! What nobody has read of a request's body when it is answered: a refusal that did not need the body, for example.
//!
//! The next request on the connection follows that body. So the rest is read and thrown away, within bounds; where it is more
//! than that, the answer says that the connection ends. Whoever sends another request over a connection that ends without a
//! word loses that one, and cannot know whether it was handled.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

/// How much of a body is read and thrown away, so that its sender reads the answer instead of a broken pipe.
const DISCARDED_BYTES_MAX: u64 = /* 64 MiB */ 64 * 1_024 * 1_024;
/// The same for a sender that was not let in, or that nobody would have answered.
const TURNED_AWAY_BYTES_MAX: u64 = /* 64 KiB */ 64 * 1_024;
/// How long that may take: the answer is worth little to a sender that is slower.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// A body that can still be read when whoever had it has let it go.
#[derive(Clone)]
struct Lent(Arc<Mutex<Reading>>);

struct Reading {
    body: Body,
    has_begun: bool,
    has_ended: bool,
    /// Reading it failed: where the next request begins is not known.
    has_failed: bool,
}

/// Whose body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Somebody's who was let in.
    LetIn,
    /// Somebody's who was not, or whose request has no route.
    TurnedAway,
}

/// What is left of a body.
pub(super) struct Rest {
    body: Lent,
    /// Its sender waits for permission, and has sent nothing yet: reading would ask it to start.
    waits: bool,
}

/// The request for its handler, and what that leaves of its body.
pub(super) fn lend(request: Request) -> (Request, Rest) {
    let waits = request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let has_ended = body.is_end_stream();
    let body = Lent(Arc::new(Mutex::new(Reading { body, has_begun: false, has_ended, has_failed: false })));
    (Request::from_parts(head, Body::new(body.clone())), Rest { body, waits })
}

impl Lent {
    fn with<T>(&self, act: impl FnOnce(&mut Reading) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|reading| {
            if reading.has_ended {
                return Poll::Ready(None);
            }
            reading.has_begun = true;
            let polled = Pin::new(&mut reading.body).poll_frame(context);
            reading.has_failed |= matches!(polled, Poll::Ready(Some(Err(_))));
            reading.has_ended = matches!(polled, Poll::Ready(None)) || reading.body.is_end_stream();
            polled
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|reading| reading.has_ended)
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|reading| reading.body.size_hint())
    }
}

impl Rest {
    /// Reads it to its end, or has the answer say that the connection ends.
    pub(super) async fn settle<B>(self, answer: &mut Response<B>, sender: Sender) {
        let bytes_max = match sender {
            Sender::LetIn => DISCARDED_BYTES_MAX,
            Sender::TurnedAway => TURNED_AWAY_BYTES_MAX,
        };
        let (mut is_read, is_hopeless) = self.body.with(|reading| {
            let is_unasked = self.waits && !reading.has_begun;
            (reading.has_ended, is_unasked || reading.body.size_hint().lower() > bytes_max)
        });
        if !is_read && !is_hopeless {
            is_read = discard(Body::new(self.body.clone()), bytes_max).await;
        }
        if !is_read || self.body.with(|reading| reading.has_failed) {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Whether the body was read to its end.
async fn discard(body: Body, bytes_max: u64) -> bool {
    let drain = async {
        let mut stream = body.into_data_stream();
        let mut discarded = 0_u64;
        while let Some(chunk) = stream.next().await {
            let Ok(chunk) = chunk else { return false };
            discarded = discarded.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if discarded > bytes_max {
                return false;
            }
        }
        true
    };
    timeout(DISCARD_TIMEOUT, drain).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    type Chunk = Result<Bytes, std::io::Error>;

    async fn says_close(request: Request, frames_read: usize) -> bool {
        let (request, rest) = lend(request);
        let mut read = request.into_body().into_data_stream();
        for _ in 0..frames_read {
            assert!(read.next().await.is_some());
        }
        drop(read);
        let mut answer = Response::new(());
        rest.settle(&mut answer, Sender::LetIn).await;
        answer.headers().contains_key(CONNECTION)
    }

    fn chunked(chunks: usize) -> Request {
        let chunks = (0..chunks).map(|_| Chunk::Ok(Bytes::from_static(b"abc")));
        Request::new(Body::from_stream(stream::iter(chunks.collect::<Vec<_>>())))
    }

    #[tokio::test]
    async fn the_connection_stays_when_the_body_was_or_can_be_read_to_its_end() {
        assert!(!says_close(Request::new(Body::empty()), 0).await);
        assert!(!says_close(Request::new(Body::from("whole")), 1).await);
        for read in 0..=5 {
            assert!(!says_close(chunked(5), read).await, "{read} read");
        }
    }

    #[tokio::test]
    async fn the_connection_ends_when_the_rest_of_the_body_is_too_long_or_too_slow() {
        let endless = stream::repeat_with(|| Chunk::Ok(Bytes::from(vec![0_u8; 1_024 * 1_024])));
        let stuck = stream::iter([Chunk::Ok(Bytes::from_static(b"abc"))]).chain(stream::pending());
        let broken = stream::iter([Chunk::Err(std::io::Error::other("gone"))]);
        let waits = Request::builder().header(EXPECT, "100-continue");
        let waits = waits.body(Body::from_stream(stream::pending::<Chunk>())).unwrap();
        let (endless, stuck, broken, waits) = tokio::join!(
            says_close(Request::new(Body::from_stream(endless)), 0),
            says_close(Request::new(Body::from_stream(stuck)), 1),
            says_close(Request::new(Body::from_stream(broken)), 0),
            says_close(waits, 0),
        );
        assert!(endless && stuck && broken && waits);
        let broken = stream::iter([Chunk::Err(std::io::Error::other("gone"))]);
        assert!(says_close(Request::new(Body::from_stream(broken)), 1).await, "its handler met the error");
    }
}
