//! `DELETE /v1/{owner}/keys/{id}`: ends a key.

use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{Route, Success, TENANT, Verb, WRITE};
use crate::runtime::KeyId;
use crate::vocab::{Code, Owner, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Delete,
    template: "/v1/{owner}/keys/{id}",
    name: "revokeKey",
    about: "Ends a key now. Open requests of it are finished. The last key that can administer the host stays.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("Key"),
        about: "The key, as it is listed.",
        headers: &[],
    },
    errors: &[TENANT, WRITE, &[Code::UnknownKey]],
};

pub(in crate::api) async fn answer(context: &Context, owner: &Owner, id: KeyId) -> Result<Response, Problem> {
    Ok(Json(context.host.revoke_key(owner, id).await?).into_response())
}
