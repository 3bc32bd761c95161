//! `POST /v1/{tenant}:suspend`

use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{READ, Route, Success, TENANT, Verb, WRITE};
use crate::vocab::{Scope, Tenant};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}:suspend",
    name: "suspendTenant",
    about: "Refuses the tenant's calls and deploys and lets its actors leave; done when it answers. Its timers wait. The colon is literal.",
    access: Access::Host(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Tenant"), about: "The tenant.", headers: &[] },
    errors: &[TENANT, READ, WRITE],
};

pub(in crate::api) async fn answer(context: &Context, tenant: &Tenant) -> Result<Response, Problem> {
    Ok(Json(context.host.suspend_tenant(tenant).await?).into_response())
}
