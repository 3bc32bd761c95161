//! `GET /v1/{tenant}/dead-letters`: commands that nobody will handle.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::query::Query;
use super::route::{ParameterType, QueryParameter, READ, Route, Success, TENANT, Verb};
use crate::vocab::{Scope, Tenant};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/dead-letters",
    name: "listDeadLetters",
    about: "Commands of tells, timers and skips that nobody will handle, the newest first; the oldest are forgotten \
            first.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[
        QueryParameter {
            name: "before",
            of: ParameterType::Number,
            about: "List numbers below this one; the last `number` of the page before.",
        },
        QueryParameter { name: "limit", of: ParameterType::Number, about: "Letters on the page, 1 to 1000; else 100." },
    ],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("DeadLetters"),
        about: "The letters.",
        headers: &[],
    },
    errors: &[TENANT, READ],
};

pub(super) async fn answer(context: &Context, tenant: &Tenant, query: &Query) -> Result<Response, Problem> {
    let limit = query.page()?;
    let before = query.number("before")?.unwrap_or(u64::MAX);
    let letters = context.host.dead_letters(tenant, before, limit).await?;
    Ok(Json(json!({ "letters": letters })).into_response())
}
