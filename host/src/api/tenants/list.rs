//! `GET /v1/-/tenants`: who there is.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::route::{Route, Success, Verb};
use crate::vocab::Scope;

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/-/tenants",
    name: "listTenants",
    about: "Every tenant, by name. The `-` is literal: it stands for the host.",
    access: Access::Host(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Tenants"), about: "The tenants.", headers: &[] },
    errors: &[],
};

pub(in crate::api) fn answer(context: &Context) -> Response {
    Json(json!({ "tenants": context.host.tenants() })).into_response()
}
