//! `GET /v1/{tenant}/kinds/{kind}`: the revisions of a kind.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::query::Query;
use super::route::{KIND, ParameterType, QueryParameter, READ, Route, Success, Verb};
use crate::vocab::{Kind, Scope, Tenant};

const USAGE: QueryParameter = QueryParameter {
    name: "usage",
    of: ParameterType::Switch,
    about: "true: ask the journals what is kept of each revision; reads all of them in the worst case.",
};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/kinds/{kind}",
    name: "listRevisions",
    about: "The revisions of a kind, oldest first, with who runs them.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[USAGE],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("Revisions"),
        about: "The revisions.",
        headers: &[],
    },
    errors: &[KIND, READ],
};

pub(super) async fn answer(
    context: &Context,
    tenant: &Tenant,
    kind: &Kind,
    query: &Query,
) -> Result<Response, Problem> {
    let revisions = context.host.revision_usage(tenant, kind, query.switch(USAGE.name)?).await?;
    Ok(Json(json!({ "revisions": revisions })).into_response())
}
