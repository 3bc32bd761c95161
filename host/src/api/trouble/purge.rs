//! `POST …/{key}:purge`: deletes an actor's events and snapshots for good.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{REASON, operator};
use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::api::route::{KIND, ParameterType, QueryParameter, READ, Route, Success, Verb, WRITE};
use crate::runtime::Identity;
use crate::vocab::{Address, Code, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/actors/{kind}/{key}:purge",
    name: "purgeActor",
    about: "Deletes an actor's events, snapshots, timers and undelivered tells for good; its numbering goes on. It need \
            not be in trouble. The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[
        QueryParameter { name: "confirm", of: ParameterType::Switch, about: "Must be on: it cannot be taken back." },
        REASON,
    ],
    body: None,
    success: Success { content_type: "", schema: None, about: "It is in its initial state.", headers: &[] },
    errors: &[KIND, READ, WRITE, &[Code::UnknownActor, Code::ActUnderWay]],
};

pub(in crate::api) async fn answer(
    context: &Context,
    caller: &Identity,
    address: Address,
    query: &Query,
) -> Result<Response, Problem> {
    if !query.switch("confirm")? {
        let detail = "purging deletes the actor's events and snapshots for good; say confirm=true if that is meant";
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    context.host.actor(address).purge(&operator(caller, query)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
