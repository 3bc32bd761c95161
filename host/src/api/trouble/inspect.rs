//! `GET …/{key}/trouble`: everything that is known of an actor's trouble.

use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{KIND, READ, Route, Success, Verb};
use crate::vocab::{Address, Code, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/actors/{kind}/{key}/trouble",
    name: "inspectActor",
    about: "Why an actor failed, how often, at which event or command, and what can be done. Does not activate it.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("Trouble"),
        about: "What is known; without trouble, `cause` is null.",
        headers: &[],
    },
    errors: &[KIND, READ, &[Code::UnknownActor]],
};

pub(in crate::api) async fn answer(context: &Context, address: Address) -> Result<Response, Problem> {
    Ok(Json(context.host.actor(address).trouble().await?).into_response())
}
