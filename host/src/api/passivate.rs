//! `POST …/{key}:passivate`: ends an activation.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::route::{KIND, READ, Route, Success, Verb};
use crate::vocab::{Address, Code, Scope};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/actors/{kind}/{key}:passivate",
    name: "passivateActor",
    about: "Ends the activation after the turns that are queued; does nothing to a passive actor. The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "", schema: None, about: "It is passive, or will be.", headers: &[] },
    errors: &[KIND, READ, &[Code::MailboxFull]],
};

pub(super) async fn answer(context: &Context, address: Address) -> Result<Response, Problem> {
    context.host.actor(address).passivate().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
