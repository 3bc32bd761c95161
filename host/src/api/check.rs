//! `POST /v1/{tenant}/kinds/{kind}:check`: what a deploy of a component would come to.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::context::Context;
use super::deploy::{COMPONENT, upload};
use super::problem::Problem;
use super::route::{GUEST, READ, RequestPayload, Route, Success, TENANT, Verb};
use crate::vocab::{Code, Kind, Scope, Tenant};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/kinds/{kind}:check",
    name: "checkRevision",
    about: "Does all that a deploy does but deploy: checks and compiles the component, compares it with the active revision, and \
            asks the journals of the kind for events that it cannot read. The kind need not exist. The colon is literal.",
    access: Access::Owner(Scope::Deploy),
    headers: &[],
    query: &[],
    body: Some(RequestPayload {
        content_type: "application/wasm",
        about: "The component, at most limits.component_bytes. The content type is not looked at.",
        required: true,
    }),
    success: Success {
        content_type: "application/json",
        schema: Some("Checked"),
        about: "Whether it would be accepted, and what it changes.",
        headers: &[],
    },
    errors: &[TENANT, GUEST, READ, COMPONENT],
};

pub(super) async fn answer(
    context: &Context,
    tenant: Tenant,
    kind: Kind,
    request: Request,
) -> Result<Response, Problem> {
    let (place, component) = upload(context, &tenant, context.host.begin_deploy(&tenant), request).await?;
    let host = context.host.clone();
    // A task of its own, as a deploy is: what was begun for a client that leaves is remembered for the next.
    let check = tokio::spawn(async move { host.check_in(place, &tenant, &kind, component).await });
    match check.await {
        Ok(result) => Ok(Json(result?).into_response()),
        Err(_) => Err(Problem::new(Code::ShuttingDown, "the server ended before the check did")),
    }
}
