//! `GET /v1/{tenant}/kinds/{kind}`: the revisions of a kind.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::route::{KIND, READ, Route, Success, Verb};
use crate::vocab::{Kind, Scope, Tenant};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/kinds/{kind}",
    name: "listRevisions",
    about: "The revisions of a kind, oldest first.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("Revisions"),
        about: "The revisions.",
        headers: &[],
    },
    errors: &[KIND, READ],
};

pub(super) async fn answer(context: &Context, tenant: &Tenant, kind: &Kind) -> Result<Response, Problem> {
    let revisions = context.host.revisions(tenant, kind).await?;
    Ok(Json(json!({ "revisions": revisions })).into_response())
}
