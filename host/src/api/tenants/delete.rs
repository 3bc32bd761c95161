//! `DELETE /v1/{tenant}`: deletes a tenant and what it has.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::api::route::{ParameterType, QueryParameter, READ, Route, Success, TENANT, Verb, WRITE};
use crate::vocab::{Code, Scope, Tenant};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Delete,
    template: "/v1/{tenant}",
    name: "deleteTenant",
    about: "Deletes a tenant: its keys, its actors' events and snapshots, its components, its audit log.",
    access: Access::Host(Scope::Admin),
    headers: &[],
    query: &[QueryParameter {
        name: "force",
        of: ParameterType::Switch,
        about: "Also if it has actors; their data is lost. Without it, that is refused.",
    }],
    body: None,
    success: Success { content_type: "", schema: None, about: "It is gone.", headers: &[] },
    errors: &[TENANT, READ, WRITE, &[Code::TenantInUse]],
};

pub(in crate::api) async fn answer(context: &Context, tenant: &Tenant, query: &Query) -> Result<Response, Problem> {
    context.host.delete_tenant(tenant, query.switch("force")?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
