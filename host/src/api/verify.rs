//! `POST /v1/-/store:verify`: the server looks at every byte of its own store, and tells what it finds as JSON lines.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::access::Access;
use super::context::{Context, Phase};
use super::problem::Problem;
use super::route::{READ, Route, Success, Verb};
use crate::provider::{StoreError, VerifyFeed, VerifyLine, VerifyRefusal};
use crate::runtime::AskError;
use crate::vocab::{Code, Scope};

const CONTENT: &str = "application/x-ndjson";

pub(super) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/-/store:verify",
    name: "verifyStore",
    about: "Looks at every byte of the store beside the actors, changing none: progress, findings and at last a summary, one \
            JSON object per line. An error after the first line is a last line with the problem: it has a `code` and no \
            `type` of these. Without a summary it did not come to its end.",
    access: Access::Host(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: CONTENT, schema: Some("VerifyLine"), about: "The lines.", headers: &[] },
    errors: &[READ, &[Code::VerifyUnderWay]],
};

pub(super) fn answer(context: &Context) -> Result<Response, Problem> {
    let mut response = Response::new(Body::from_stream(lines(context.host.verify()?, context.clone())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Takes a line only when the client took the one before; ends, without a summary, when the server closes.
fn lines(feed: VerifyFeed, context: Context) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some(feed), move |feed| {
        let context = context.clone();
        async move {
            let mut feed = feed?;
            let next = tokio::select! {
                biased;
                () = context.reached(Phase::Closing) => Ok(None),
                next = feed.next() => next,
            };
            match next {
                Ok(Some(line)) => Some((Ok(text(&line)), Some(feed))),
                Ok(None) => None,
                Err(error) => Some((Ok(problem_line(error)), None)),
            }
        }
    })
}

fn text(line: &VerifyLine) -> Bytes {
    // Names, numbers and texts: there is nothing in it that could fail.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    Bytes::from(text)
}

fn problem_line(error: StoreError) -> Bytes {
    let mut text = Problem::from(AskError::from(error)).to_json();
    text.push('\n');
    Bytes::from(text)
}

impl From<VerifyRefusal> for Problem {
    fn from(refusal: VerifyRefusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Finding, FindingKind};

    #[test]
    fn every_line_is_one_object_and_says_what_it_is() {
        let finding = Finding::new(FindingKind::JournalGap, "from 2\nto 6");
        let line = text(&VerifyLine::Finding(Box::new(finding)));
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((&value["type"], &value["kind"]), (&"finding".into(), &"journal_gap".into()));
    }

    #[test]
    fn a_failure_in_the_middle_is_a_line_with_its_code() {
        let line = problem_line(StoreError::Closed);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["code"], "GR0062");
        assert!(line.ends_with(b"\n"));
    }

    #[test]
    fn who_cannot_begin_is_told_why() {
        assert_eq!(Problem::from(VerifyRefusal::UnderWay).code(), Code::VerifyUnderWay);
        assert_eq!(Problem::from(VerifyRefusal::Unsupported).code(), Code::InvalidRequest);
    }
}
