//! `GET /metrics`: the process's metrics for Prometheus.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Metrics;
use super::access::Access;
use super::context::Context;
use super::route::{Route, Success, Verb};
use crate::vocab::Scope;

const CONTENT: &str = "text/plain; version=0.0.4";

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/metrics",
    name: "metrics",
    about: "Every metric of the process in Prometheus' text format; a comment if the program that embeds the host records none.",
    access: Access::Host(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: CONTENT, schema: None, about: "The metrics.", headers: &[] },
    errors: &[],
};

pub(super) fn answer(context: &Context) -> Response {
    let text =
        context.metrics.as_ref().map_or_else(|| "# this program records no metrics\n".to_owned(), Metrics::render);
    ([(CONTENT_TYPE, CONTENT)], text).into_response()
}
