//! `DELETE /v1/-/refusals/{digest}`: forgets that a component failed.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{Route, Success, Verb, WRITE};
use crate::vocab::{Digest, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Delete,
    template: "/v1/-/refusals/{digest}",
    name: "forgetRefusal",
    about: "Forgets that a component failed: the next deploy of it tries again.",
    access: Access::Host(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("Forgotten"),
        about: "Whether it was known.",
        headers: &[],
    },
    errors: &[WRITE],
};

pub(in crate::api) async fn answer(context: &Context, digest: Digest) -> Result<Response, Problem> {
    let forgotten = context.host.forget_refusal(digest).await?;
    Ok(Json(json!({ "digest": digest.to_string(), "forgotten": forgotten })).into_response())
}
