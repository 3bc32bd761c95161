//! `POST …/{key}:retry`: tries to bring a quarantined actor back.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{GUEST, KIND, READ, RECOVERY, Route, Success, Verb, WRITE};
use crate::vocab::{Address, Code, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/actors/{kind}/{key}:retry",
    name: "retryActor",
    about: "Tries the recovery of a quarantined actor, and its poison command, once and without a trace. If that goes \
            well the quarantine ends; else it stays, with the new cause (GR0120). The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "", schema: None, about: "It is no longer quarantined.", headers: &[] },
    errors: &[KIND, READ, WRITE, GUEST, RECOVERY, &[Code::Quarantined, Code::NotQuarantined, Code::ActUnderWay]],
};

pub(in crate::api) async fn answer(context: &Context, address: Address) -> Result<Response, Problem> {
    context.host.actor(address).retry().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
