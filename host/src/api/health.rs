//! `GET /healthz`: the process runs.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::route::{Route, Success, Verb};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/healthz",
    name: "health",
    about: "Whether the process runs. Says nothing about the store; see /readyz.",
    access: Access::Public,
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Liveness"), about: "It runs.", headers: &[] },
    errors: &[],
};

pub(super) fn answer() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}
