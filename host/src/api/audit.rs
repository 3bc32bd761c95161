//! `GET /v1/{owner}/audit`: what was administered, by whom.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::query::Query;
use super::route::{ParameterType, QueryParameter, READ, Route, Success, TENANT, Verb};
use crate::vocab::{Owner, Scope};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{owner}/audit",
    name: "listAudit",
    about: "What was administered, the newest first: 500 entries on keys and 500 on kinds and actors are kept of each tenant, 10000 each of the host.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[
        QueryParameter {
            name: "before",
            of: ParameterType::Number,
            about: "List numbers below this one; the last `number` of the page before.",
        },
        QueryParameter { name: "limit", of: ParameterType::Number, about: "Entries on the page, 1 to 1000; else 100." },
    ],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Audit"), about: "The entries.", headers: &[] },
    errors: &[TENANT, READ],
};

pub(super) async fn answer(context: &Context, owner: &Owner, query: &Query) -> Result<Response, Problem> {
    let limit = query.page()?;
    let before = query.number("before")?.unwrap_or(u64::MAX);
    let entries = context.host.audit(owner, before, limit).await?;
    Ok(Json(json!({ "entries": entries })).into_response())
}
