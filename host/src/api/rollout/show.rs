//! `GET /v1/{tenant}/kinds/{kind}/rollout`: how a kind's rollout goes.

use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{KIND, Route, Success, Verb};
use crate::vocab::{Kind, Scope, Tenant};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/kinds/{kind}/rollout",
    name: "showRollout",
    about: "Which revisions a kind's actors are to run and which they run, how far a rollout is, who is held, what happened.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: Some("Rollout"), about: "How it goes.", headers: &[] },
    errors: &[KIND],
};

pub(in crate::api) fn answer(context: &Context, tenant: &Tenant, kind: &Kind) -> Result<Response, Problem> {
    Ok(Json(context.host.rollout(tenant, kind)?).into_response())
}
