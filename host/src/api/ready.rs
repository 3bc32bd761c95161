//! `GET /readyz`: the host takes commands.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::route::{Route, Success, Verb};
use crate::vocab::Code;

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/readyz",
    name: "ready",
    about: "Whether the host takes commands; 503 from the moment a shutdown begins.",
    access: Access::Public,
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Liveness"), about: "It does.", headers: &[] },
    errors: &[&[Code::ShuttingDown]],
};

pub(super) fn answer(context: &Context) -> Result<Response, Problem> {
    if context.host.is_ready() {
        Ok(Json(json!({ "status": "ready" })).into_response())
    } else {
        Err(Problem::new(Code::ShuttingDown, "the host is shutting down"))
    }
}
