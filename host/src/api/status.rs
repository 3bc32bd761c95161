//! `GET /v1/{tenant}/actors/{kind}/{key}`: where an actor is in its life.

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::route::{KIND, READ, Route, Success, Verb};
use crate::vocab::{Address, Code, Scope};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/actors/{kind}/{key}",
    name: "actorStatus",
    about: "Where an actor is in its life, with the progress of its recovery. Does not activate it.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("ActorStatus"),
        about: "The status.",
        headers: &[],
    },
    errors: &[KIND, READ, &[Code::UnknownActor]],
};

pub(super) async fn answer(context: &Context, address: Address) -> Result<Response, Problem> {
    Ok(Json(context.host.actor(address).status().await?).into_response())
}
