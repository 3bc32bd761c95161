//! `POST …/{key}:release`: ends a quarantine without trying anything.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::route::{KIND, READ, Route, Success, Verb, WRITE};
use crate::vocab::{Address, Code, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/actors/{kind}/{key}:release",
    name: "releaseActor",
    about: "Ends the quarantine of an actor, or the pause before its restart, without trying anything; its failures are \
            forgotten. The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "", schema: None, about: "It is no longer quarantined.", headers: &[] },
    errors: &[KIND, READ, WRITE, &[Code::NotQuarantined, Code::ActUnderWay]],
};

pub(in crate::api) async fn answer(context: &Context, address: Address) -> Result<Response, Problem> {
    context.host.actor(address).release().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
