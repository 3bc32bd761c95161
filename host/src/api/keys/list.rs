//! `GET /v1/{owner}/keys`: the keys there are, without the keys themselves.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{Route, Success, TENANT, Verb};
use crate::vocab::{Owner, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{owner}/keys",
    name: "listKeys",
    about: "The keys of a tenant, or of the host: never the keys themselves.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Keys"), about: "The keys.", headers: &[] },
    errors: &[TENANT],
};

pub(in crate::api) fn answer(context: &Context, owner: &Owner) -> Result<Response, Problem> {
    Ok(Json(json!({ "keys": context.host.keys(owner)? })).into_response())
}
