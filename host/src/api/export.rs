//! `POST /v1/{tenant}/kinds/{kind}:export`: histories of a kind, to rehearse on them elsewhere.

use std::io;

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
use super::rehearse::parsed;
use super::route::{KIND, ParameterType, QueryParameter, READ, Route, Success, Verb};
use crate::runtime::{Export, RehearsalOptions};
use crate::vocab::{Code, Kind, Scope, Tenant};

const CONTENT: &str = "application/octet-stream";

pub(super) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/kinds/{kind}:export",
    name: "export",
    about: "Gives out histories of a kind as a file that `greenroom rehearse --store` reads without a server: events and snapshots \
            as they are stored, the records of all revisions and the active one's component. Changes nothing. Bytes that end \
            before the end are told as such by whoever reads them. The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[QueryParameter {
        name: "actors",
        of: ParameterType::Text,
        about: "Which actors: a number (spread evenly over all keys), `all`, or a pattern of keys; else 100.",
    }],
    body: None,
    success: Success { content_type: CONTENT, schema: None, about: "The file.", headers: &[] },
    errors: &[KIND, READ, &[Code::TenantSuspended, Code::RehearsalUnderWay, Code::RehearsalsFull]],
};

pub(super) fn answer(context: &Context, tenant: &Tenant, kind: &Kind, query: &Query) -> Result<Response, Problem> {
    let actors = parsed(query, "actors")?.unwrap_or_default();
    let options = RehearsalOptions { actors, ..RehearsalOptions::default() };
    let export = context.host.export(tenant, kind, options)?;
    let mut response = Response::new(Body::from_stream(chunks(export, context.clone())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Takes bytes only when the client took those before. A failure breaks the response off: nobody takes its beginning for all.
fn chunks(export: Export, context: Context) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(export), move |export| {
        let context = context.clone();
        async move {
            let mut export = export?;
            let next = tokio::select! {
                biased;
                () = context.reached(Phase::Closing) => return Some((Err(io::Error::other("the server ends")), None)),
                next = export.next() => next,
            };
            match next {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(export))),
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!(code = %error.code(), %error, "an export was broken off");
                    Some((Err(io::Error::other(error.to_string())), None))
                }
            }
        }
    })
}
