//! `POST /v1/{tenant}/kinds/{kind}:rollback`: goes back to an earlier revision, or says what that would come to.

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::operator;
use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::api::route::{GUEST, KIND, ParameterType, QueryParameter, READ, Route, Success, Verb, WRITE};
use crate::runtime::Identity;
use crate::vocab::{Code, Kind, Scope, Tenant};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/kinds/{kind}:rollback",
    name: "rollBack",
    about: "Goes back: from the candidate to the stable revision, else from that to the one before it, or to any. State and \
            events stay; actors that the older code does not bear stay where they are. The colon is literal.",
    access: Access::Owner(Scope::Deploy),
    headers: &[],
    query: &[
        QueryParameter {
            name: "to",
            of: ParameterType::Number,
            about: "The revision to go back to; else the one before.",
        },
        QueryParameter { name: "check", of: ParameterType::Switch, about: "Only say who could not go back, and why." },
        QueryParameter {
            name: "reason",
            of: ParameterType::Text,
            about: "Why, in at most 300 bytes; it is kept in the history with the id of the key.",
        },
    ],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: None,
        about: "How the rollout goes (Rollout), or what it would come to (RollbackCheck).",
        headers: &[],
    },
    errors: &[
        KIND,
        READ,
        WRITE,
        GUEST,
        &[Code::NoRollout, Code::UnknownRevision, Code::CompileFailed, Code::CompilerUnavailable, Code::ShuttingDown],
    ],
};

pub(in crate::api) async fn answer(
    context: &Context,
    caller: &Identity,
    (tenant, kind): (Tenant, Kind),
    query: &Query,
) -> Result<Response, Problem> {
    let to = query.number("to")?.map(|to| u32::try_from(to).unwrap_or(u32::MAX));
    if query.switch("check")? {
        return Ok(Json(context.host.check_roll_back(&tenant, &kind, to).await?).into_response());
    }
    let by = operator(caller, query.text("reason").unwrap_or_default().to_owned())?;
    Ok(Json(context.host.roll_back(&tenant, &kind, to, &by).await?).into_response())
}
