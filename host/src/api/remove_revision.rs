//! `DELETE /v1/{tenant}/kinds/{kind}/revisions/{revision}`: the end of a revision that nobody needs.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::route::{KIND, READ, Route, Success, Verb, WRITE};
use crate::vocab::{Code, Kind, Scope, Tenant};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Delete,
    template: "/v1/{tenant}/kinds/{kind}/revisions/{revision}",
    name: "removeRevision",
    about: "Removes a revision that no actor runs or is to run, and by which nothing that is kept was written: the journals of the \
            kind are asked. Its number is not given again. Its component goes with the last revision that has the same bytes.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "", schema: None, about: "It is removed.", headers: &[] },
    errors: &[KIND, READ, WRITE, &[Code::UnknownRevision, Code::RevisionInUse]],
};

pub(super) async fn answer(
    context: &Context,
    tenant: &Tenant,
    kind: &Kind,
    revision: u32,
) -> Result<Response, Problem> {
    context.host.remove_revision(tenant, kind, revision).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
