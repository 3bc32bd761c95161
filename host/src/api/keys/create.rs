//! `POST /v1/{owner}/keys`: creates a key.

use axum::extract::Request;
use axum::response::Response;

use super::{created, may_give};
use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::json_body;
use crate::api::problem::Problem;
use crate::api::route::{RequestPayload, Route, Success, TENANT, Verb, WRITE};
use crate::runtime::{Identity, KeyRequest};
use crate::vocab::{Code, Owner, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{owner}/keys",
    name: "createKey",
    about: "Creates a key with scopes that the caller has. From the first key on, every request needs one.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: Some(RequestPayload {
        content_type: "application/json",
        about: "`scopes` (of call, deploy, read, admin), `name`, `expires_in_s` (else it does not end).",
        required: true,
    }),
    success: Success {
        content_type: "application/json",
        schema: Some("NewKey"),
        about: "The key, this once.",
        headers: &[],
    },
    errors: &[TENANT, WRITE, &[Code::PayloadTooLarge]],
};

pub(in crate::api) async fn answer(
    context: &Context,
    caller: &Identity,
    owner: &Owner,
    request: Request,
) -> Result<Response, Problem> {
    let wanted: KeyRequest = json_body::read(context, request).await?;
    may_give(context, caller, &wanted.scopes)?;
    Ok(created(&context.host.create_key(owner, &wanted).await?))
}
