//! `GET /v1/{owner}/trouble`: which actors are in trouble.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::api::route::{ParameterType, QueryParameter, READ, Route, Success, TENANT, Verb};
use crate::vocab::{Owner, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{owner}/trouble",
    name: "listTrouble",
    about: "The actors of a tenant (of all tenants, for `-`) that are quarantined or failed lately, by address.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[
        QueryParameter { name: "after", of: ParameterType::Text, about: "The `next` of the page before." },
        QueryParameter { name: "limit", of: ParameterType::Number, about: "Actors on the page, 1 to 1000; else 100." },
    ],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Troubled"), about: "The actors.", headers: &[] },
    errors: &[TENANT, READ],
};

pub(in crate::api) fn answer(context: &Context, owner: &Owner, query: &Query) -> Result<Response, Problem> {
    let limit = query.page()?;
    let actors = context.host.troubled(owner, query.text("after"), limit)?;
    let is_full = actors.len() == limit;
    let next = actors.last().filter(|_| is_full).map(|last| format!("{}/{}/{}", last.tenant, last.kind, last.key));
    Ok(Json(json!({ "actors": actors, "next": next })).into_response())
}
