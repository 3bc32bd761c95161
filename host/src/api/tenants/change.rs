//! `PATCH /v1/{tenant}`: changes a tenant.

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
    verb: Verb::Patch,
    template: "/v1/{tenant}",
    name: "changeTenant",
    about: "Changes what the body names, at once; the rest stays. What a tenant has is not taken away by a lower quota. Actors take another limit after the turns that are queued.",
    access: Access::Host(Scope::Admin),
    headers: &[],
    query: &[],
    body: Some(RequestPayload {
        content_type: "application/json",
        about: "As in createTenant; a quota that is null is taken away, a limit that is null is the host's again.",
        required: true,
    }),
    success: Success { content_type: "application/json", schema: Some("Tenant"), about: "The tenant.", headers: &[] },
    errors: &[TENANT, READ, WRITE, &[Code::LimitAboveCeiling, Code::PayloadTooLarge]],
};

pub(in crate::api) async fn answer(context: &Context, tenant: &Tenant, request: Request) -> Result<Response, Problem> {
    let change: TenantChange = json_body::read(context, request).await?;
    Ok(Json(context.host.change_tenant(tenant, &change).await?).into_response())
}
