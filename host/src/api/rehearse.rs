//! `POST /v1/{tenant}/kinds/{kind}:rehearse`: replays real histories into a candidate and tells what differs, as JSON lines.

use std::convert::Infallible;
use std::str::FromStr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::access::Access;
use super::context::{Context, Phase};
use super::deploy::{COMPONENT, upload};
use super::problem::Problem;
use super::query::Query;
use super::route::{GUEST, KIND, ParameterType, QueryParameter, READ, RECOVERY, RequestPayload, Route, Success, Verb};
use crate::runtime::{Rehearsal, RehearsalOptions};
use crate::vocab::{Code, Key, Kind, Scope, Tenant};

const CONTENT: &str = "application/x-ndjson";

pub(super) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/kinds/{kind}:rehearse",
    name: "rehearse",
    about: "Replays actors' histories into a component beside the active revision, and tells what differs: a start, findings, \
            notes, progress and at last a summary, one JSON object per line. Stores nothing and touches no actor. An error \
            after the first line is a last line with the problem: it has a `code` and no `type` of these. Without a summary \
            it did not come to its end; it goes on behind the `after` of its last progress. Ends when the client leaves. The \
            colon is literal.",
    access: Access::Owner(Scope::Deploy),
    headers: &[],
    query: &[
        QueryParameter {
            name: "actors",
            of: ParameterType::Text,
            about: "Which actors: a number (spread evenly over all keys), `all`, or a pattern of keys (`*` any run of \
                    characters, `?` one, `\\` takes the next as it is); else 100.",
        },
        QueryParameter {
            name: "from",
            of: ParameterType::Text,
            about: "From where histories are replayed: `snapshot`, `first`, or `both`; else both.",
        },
        QueryParameter {
            name: "commands",
            of: ParameterType::Switch,
            about: "Have commands that actors handled lately handled again by both revisions, and compare the answers.",
        },
        QueryParameter {
            name: "after",
            of: ParameterType::Text,
            about: "Go on behind this key: the `after` of a progress line.",
        },
    ],
    body: Some(RequestPayload {
        content_type: "application/wasm",
        about: "The candidate, at most limits.component_bytes. The content type is not looked at.",
        required: true,
    }),
    success: Success { content_type: CONTENT, schema: Some("RehearsalLine"), about: "The lines.", headers: &[] },
    errors: &[
        KIND,
        READ,
        GUEST,
        RECOVERY,
        COMPONENT,
        &[Code::RehearsalUnderWay, Code::RehearsalsFull, Code::RehearsalOvertaken],
    ],
};

pub(super) async fn answer(
    context: &Context,
    tenant: Tenant,
    kind: Kind,
    query: &Query,
    request: Request,
) -> Result<Response, Problem> {
    let options = options(query)?;
    let (place, component) = upload(context, &tenant, context.host.begin_rehearsal(&tenant), request).await?;
    let rehearsal = context.host.rehearse_in(place, &tenant, &kind, component, options).await?;
    let mut response = Response::new(Body::from_stream(lines(rehearsal, context.clone())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn options(query: &Query) -> Result<RehearsalOptions, Problem> {
    Ok(RehearsalOptions {
        actors: parsed(query, "actors")?.unwrap_or_default(),
        from: parsed(query, "from")?.unwrap_or_default(),
        commands: query.switch("commands")?,
        after: query.text("after").map(Key::new).transpose()?,
    })
}

pub(super) fn parsed<T: FromStr<Err = String>>(query: &Query, name: &str) -> Result<Option<T>, Problem> {
    let parsed = query.text(name).map(str::parse).transpose();
    parsed.map_err(|reason| Problem::new(Code::InvalidRequest, format!("the query parameter {name}: {reason}")))
}

/// Takes a line only when the client took the one before; ends, without a summary, when the server closes.
fn lines(rehearsal: Rehearsal, context: Context) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some(rehearsal), move |rehearsal| {
        let context = context.clone();
        async move {
            let mut rehearsal = rehearsal?;
            let next = tokio::select! {
                biased;
                () = context.reached(Phase::Closing) => Ok(None),
                next = rehearsal.next() => next,
            };
            match next {
                // Names, numbers and texts: there is nothing in it that could fail.
                Ok(Some(line)) => {
                    Some((Ok(one_line(serde_json::to_string(&line).unwrap_or_default())), Some(rehearsal)))
                }
                Ok(None) => None,
                Err(error) => Some((Ok(one_line(Problem::from(error).to_json())), None)),
            }
        }
    })
}

fn one_line(mut text: String) -> Bytes {
    text.push('\n');
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{ChosenActors, ReplayFrom};

    fn asked(raw: &str) -> Result<RehearsalOptions, Problem> {
        options(&Query::parse(Some(raw), ROUTE.query)?)
    }

    #[test]
    fn what_is_asked_for_is_understood_or_refused_by_name() {
        let asked_for = asked("actors=all&from=first&after=a%2Fb").unwrap();
        assert_eq!((asked_for.actors, asked_for.from), (ChosenActors::All, ReplayFrom::First));
        assert_eq!(asked_for.after.unwrap().as_str(), "a/b");
        assert_eq!(asked("").unwrap(), RehearsalOptions::default());
        for raw in ["actors=0", "actors=", "from=here", "after="] {
            assert!(asked(raw).is_err(), "{raw}");
        }
        assert!(asked("actors=0").unwrap_err().detail().contains("actors"));
    }
}
