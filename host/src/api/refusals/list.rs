//! `GET /v1/-/refusals`: components that are known to fail.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::route::{Route, Success, Verb};
use crate::vocab::Scope;

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/-/refusals",
    name: "listRefusals",
    about: "Components that failed to compile or to describe themselves, newest first: they are refused without another try.",
    access: Access::Host(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("Refusals"),
        about: "The components, at most 1024.",
        headers: &[],
    },
    errors: &[],
};

pub(in crate::api) fn answer(context: &Context) -> Response {
    Json(json!({ "refusals": context.host.refusals() })).into_response()
}
