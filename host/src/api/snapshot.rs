//! `POST …/{key}:snapshot`: takes a snapshot now.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::route::{GUEST, KIND, READ, RECOVERY, Route, Success, Verb, WRITE};
use crate::vocab::{Address, Code, Scope};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/actors/{kind}/{key}:snapshot",
    name: "snapshotActor",
    about: "Takes a snapshot now; answers once it is durable. The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("SnapshotTaken"),
        about: "Events 1..=snapshot_sequence are folded in.",
        headers: &[],
    },
    errors: &[KIND, READ, WRITE, GUEST, RECOVERY, &[Code::UnknownActor, Code::SnapshotFailed]],
};

pub(super) async fn answer(context: &Context, address: Address) -> Result<Response, Problem> {
    let sequence = context.host.actor(address).snapshot().await?;
    Ok(Json(json!({ "snapshot_sequence": sequence })).into_response())
}
