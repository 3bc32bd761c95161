//! `GET /v1/{tenant}/kinds`: what is deployed.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::route::{READ, Route, Success, TENANT, Verb};
use crate::vocab::{Scope, Tenant};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/kinds",
    name: "listKinds",
    about: "The active revision of every kind of a tenant, by name.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Kinds"), about: "The kinds.", headers: &[] },
    errors: &[TENANT, READ],
};

pub(super) async fn answer(context: &Context, tenant: &Tenant) -> Result<Response, Problem> {
    let kinds = context.host.kinds(tenant).await?;
    Ok(Json(json!({ "kinds": kinds })).into_response())
}
