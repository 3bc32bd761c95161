//! `POST …/{key}:recheck`: compares the actor's snapshots with its events.

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::route::{GUEST, KIND, READ, RECOVERY, Route, Success, Verb};
use crate::vocab::{Address, Code, Scope};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/actors/{kind}/{key}:recheck",
    name: "recheckActor",
    about: "Replays the actor's events to each of its newest snapshots, from the one before it, and tells which differ: code that \
            changes its state without events, or applies them differently each time. Changes nothing. The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("Recheck"),
        about: "What was compared, and what differs (GR0034).",
        headers: &[],
    },
    errors: &[KIND, READ, GUEST, RECOVERY, &[Code::UnknownActor]],
};

pub(super) async fn answer(context: &Context, address: Address) -> Result<Response, Problem> {
    Ok(Json(context.host.actor(address).recheck().await?).into_response())
}
