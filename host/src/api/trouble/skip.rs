//! `POST …/{key}:skip`: leaves out the event or the command at which an actor failed.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{REASON, operator};
use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::api::route::{GUEST, KIND, READ, RECOVERY, Route, Success, Verb, WRITE};
use crate::runtime::Identity;
use crate::vocab::{Address, Code, Scope};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/actors/{kind}/{key}:skip",
    name: "skipPoison",
    about: "Leaves out what a quarantined actor failed at: an event in every replay from now on, as a record in its \
            journal says; a command by making it a dead letter. The colon is literal.",
    access: Access::Owner(Scope::Admin),
    headers: &[],
    query: &[REASON],
    body: None,
    success: Success { content_type: "", schema: None, about: "It is no longer quarantined.", headers: &[] },
    errors: &[
        KIND,
        READ,
        WRITE,
        GUEST,
        RECOVERY,
        &[Code::Quarantined, Code::NotQuarantined, Code::NothingToSkip, Code::ActUnderWay],
    ],
};

pub(in crate::api) async fn answer(
    context: &Context,
    caller: &Identity,
    address: Address,
    query: &Query,
) -> Result<Response, Problem> {
    context.host.actor(address).skip(&operator(caller, query)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
