//! `GET /v1/{tenant}`: what a tenant may have, and has.

use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{Route, Success, TENANT, Verb};
use crate::vocab::{Scope, Tenant};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}",
    name: "showTenant",
    about: "A tenant's entry: what it may have, and what it has.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Tenant"), about: "The tenant.", headers: &[] },
    errors: &[TENANT],
};

pub(in crate::api) fn answer(context: &Context, tenant: &Tenant) -> Result<Response, Problem> {
    Ok(Json(context.host.tenant(tenant)?).into_response())
}
