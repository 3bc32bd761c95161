//! `GET …/{key}/events`: an actor's events as JSON lines, to the end or as they become durable.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::access::Access;
use super::context::{Context, Phase};
use super::problem::Problem;
use super::query::Query;
use super::route::{GUEST, KIND, ParameterType, QueryParameter, READ, RECOVERY, Route, Success, Verb};
use crate::runtime::{AskError, EventFeed, EventView};
use crate::vocab::{Address, Code, Scope, Sequence};

const CONTENT: &str = "application/x-ndjson";

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/actors/{kind}/{key}/events",
    name: "actorEvents",
    about: "Durable events, one JSON object per line. An error after the first line is a last line with the problem: \
            it has a `code` and no `sequence`.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[
        QueryParameter { name: "from", of: ParameterType::Number, about: "The first sequence number wanted; else 1." },
        QueryParameter { name: "limit", of: ParameterType::Number, about: "At most this many events; else all." },
        QueryParameter {
            name: "follow",
            of: ParameterType::Switch,
            about: "Wait for new events after the last; ends when the client leaves or the server shuts down.",
        },
    ],
    body: None,
    success: Success { content_type: CONTENT, schema: Some("Event"), about: "The events, in order.", headers: &[] },
    errors: &[KIND, READ, GUEST, RECOVERY, &[Code::UnknownActor, Code::SequenceOutOfRange]],
};

pub(super) async fn answer(context: &Context, address: Address, query: &Query) -> Result<Response, Problem> {
    let from = query.number("from")?.map_or(Sequence::ZERO, Sequence);
    let limit = query.number("limit")?.unwrap_or(u64::MAX);
    let follow = query.switch("follow")?;
    let feed = context.host.actor(address).events(from, limit, follow).await?;
    let mut response = Response::new(Body::from_stream(lines(feed, context.clone(), follow)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Reads an event only when the client took the one before: a slow client holds one event, not a journal.
fn lines(
    feed: EventFeed,
    context: Context,
    follow: bool,
) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::unfold(Some(feed), move |feed| {
        let context = context.clone();
        async move {
            let mut feed = feed?;
            let next = tokio::select! {
                biased;
                () = context.reached(Phase::Closing), if follow => Ok(None),
                next = feed.next() => next,
            };
            match next {
                Ok(Some(event)) => Some((Ok(event_line(&event)), Some(feed))),
                Ok(None) => None,
                Err(error) => Some((Ok(problem_line(error)), None)),
            }
        }
    })
}

fn event_line(event: &EventView) -> Bytes {
    match serde_json::to_string(event) {
        Ok(json) => one_line(json),
        Err(error) => problem_line_of(&Problem::new(Code::InvalidOutcome, error.to_string())),
    }
}

fn problem_line(error: AskError) -> Bytes {
    problem_line_of(&Problem::from(error))
}

fn problem_line_of(problem: &Problem) -> Bytes {
    one_line(problem.to_json())
}

/// A component may render JSON over several lines. A line break in JSON stands between tokens, never in a text, so a
/// space means the same.
fn one_line(json: String) -> Bytes {
    let mut line = if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json };
    line.push('\n');
    Bytes::from(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Timestamp;
    use serde_json::value::RawValue;

    #[test]
    fn an_event_is_one_line_however_the_component_renders_it() {
        let event = EventView {
            sequence: Sequence(7),
            event_type: "incremented".into(),
            version: 1,
            time: Timestamp(5),
            revision: 2,
            skipped: false,
            payload: RawValue::from_string("{\n  \"by\": 1,\r\n \"note\":\"a\\nb\"}".into()).unwrap(),
        };
        let line = event_line(&event);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["payload"]["note"], "a\nb");
        assert_eq!((&value["sequence"], &value["type"]), (&7.into(), &"incremented".into()));
    }

    #[test]
    fn an_error_in_the_middle_is_a_line_with_its_code() {
        let line = problem_line(AskError::ShuttingDown);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["code"], "GR0009");
        assert!(value.get("sequence").is_none() && line.ends_with(b"\n"));
    }
}
