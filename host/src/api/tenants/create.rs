//! `PUT /v1/{tenant}`: creates a tenant.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::json_body;
use crate::api::problem::Problem;
use crate::api::route::{READ, RequestPayload, Route, Success, TENANT, Verb, WRITE};
use crate::runtime::TenantChange;
use crate::vocab::{Code, Scope, Tenant};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Put,
    template: "/v1/{tenant}",
    name: "createTenant",
    about: "Creates a tenant; one that exists is not touched.",
    access: Access::Host(Scope::Admin),
    headers: &[],
    query: &[],
    body: Some(RequestPayload {
        content_type: "application/json",
        about: "`display_name`, `weight` (1 to 1000, else 100), `quotas` and `limits` (docs/limits.md lists them), `grants` (deploy, keys; else both); all optional.",
        required: false,
    }),
    success: Success { content_type: "application/json", schema: Some("Tenant"), about: "The tenant.", headers: &[] },
    errors: &[TENANT, READ, WRITE, &[Code::TenantExists, Code::LimitAboveCeiling, Code::PayloadTooLarge]],
};

pub(in crate::api) async fn answer(context: &Context, tenant: &Tenant, request: Request) -> Result<Response, Problem> {
    let change: TenantChange = json_body::read(context, request).await?;
    Ok(Json(context.host.create_tenant(tenant, &change).await?).into_response())
}
