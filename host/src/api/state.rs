//! `GET …/{key}/state`: an actor's state, now or as it was.

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::query::Query;
use super::route::{GUEST, KIND, ParameterType, QueryParameter, READ, RECOVERY, Route, Success, Verb};
use crate::vocab::{Address, Code, Scope, Sequence};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/actors/{kind}/{key}/state",
    name: "actorState",
    about: "An actor's state, rebuilt from its durable journal in an instance of its own.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[QueryParameter {
        name: "at",
        of: ParameterType::Number,
        about: "The state with events 1..=at folded in; else with all of them.",
    }],
    body: None,
    success: Success { content_type: "application/json", schema: Some("State"), about: "The state.", headers: &[] },
    errors: &[KIND, READ, GUEST, RECOVERY, &[Code::UnknownActor, Code::SequenceOutOfRange]],
};

pub(super) async fn answer(context: &Context, address: Address, query: &Query) -> Result<Response, Problem> {
    let at = query.number("at")?.map(Sequence);
    Ok(Json(context.host.actor(address).state(at).await?).into_response())
}
