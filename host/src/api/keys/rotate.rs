//! `POST /v1/{owner}/keys/{id}:rotate`: replaces a key.

use axum::response::Response;

use super::{created, may_give};
use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::api::route::{ParameterType, QueryParameter, Route, Success, TENANT, Verb, WRITE};
use crate::runtime::{Identity, KeyId};
use crate::vocab::{Code, Owner, Scope};

/// How long the old key stays valid unless the caller says otherwise, seconds: a day to give out the new one.
const OVERLAP_S: u64 = 86_400;

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{owner}/keys/{id}:rotate",
    name: "rotateKey",
    about: "Makes a key with the same rights; the old one stays valid for the overlap. The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[QueryParameter {
        name: "overlap_s",
        of: ParameterType::Number,
        about: "How long the old key stays valid, seconds; else a day. 0: it ends at once.",
    }],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("NewKey"),
        about: "The new key, this once.",
        headers: &[],
    },
    errors: &[TENANT, WRITE, &[Code::UnknownKey]],
};

pub(in crate::api) async fn answer(
    context: &Context,
    caller: &Identity,
    owner: &Owner,
    id: KeyId,
    query: &Query,
) -> Result<Response, Problem> {
    let overlap_s = query.number("overlap_s")?.unwrap_or(OVERLAP_S);
    may_give(context, caller, &context.host.key_scopes(owner, id)?)?;
    Ok(created(&context.host.rotate_key(owner, id, overlap_s).await?))
}
