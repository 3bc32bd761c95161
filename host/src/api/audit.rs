//! `GET /v1/{owner}/audit`: what was administered, by whom.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::query::Query;
use super::route::{ParameterType, QueryParameter, READ, Route, Success, TENANT, Verb};
use crate::vocab::{Code, Owner, Scope};

/// Entries on a page when the caller does not say.
const PAGE_ENTRIES: u64 = 100;
/// Entries on the largest page: bounds the memory of one answer.
const PAGE_ENTRIES_MAX: u64 = 1_000;

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{owner}/audit",
    name: "listAudit",
    about: "What was administered, the newest first: 500 entries of each tenant are kept, 10000 of the host.",
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
    let limit = query.number("limit")?.unwrap_or(PAGE_ENTRIES);
    if !(1..=PAGE_ENTRIES_MAX).contains(&limit) {
        let detail = format!("limit={limit} is not between 1 and {PAGE_ENTRIES_MAX}");
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    let before = query.number("before")?.unwrap_or(u64::MAX);
    let entries = context.host.audit(owner, before, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
    Ok(Json(json!({ "entries": entries })).into_response())
}
