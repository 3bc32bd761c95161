//! `PUT /v1/{tenant}/kinds/{kind}`: deploys a component.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::access::Access;
use super::body::{self, BodyLimit};
use super::context::Context;
use super::problem::Problem;
use super::query::Query;
use super::rollout::ACTIVATE;
use super::route::{GUEST, READ, RequestPayload, Route, Success, TENANT, Verb, WRITE};
use crate::vocab::{Code, Kind, Limit, Scope, Tenant};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Put,
    template: "/v1/{tenant}/kinds/{kind}",
    name: "deploy",
    about: "Deploys a component as the next revision of a kind. The bytes of the active revision change nothing. Refused if \
            journals of the kind hold events that it cannot read.",
    access: Access::Owner(Scope::Deploy),
    headers: &[],
    query: &[ACTIVATE],
    body: Some(RequestPayload {
        content_type: "application/wasm",
        about: "The component, at most limits.component_bytes. The content type is not looked at.",
        required: true,
    }),
    success: Success {
        content_type: "application/json",
        schema: Some("DeployedRevision"),
        about: "The revision, whether it is active, and what it changes.",
        headers: &[],
    },
    errors: &[
        TENANT,
        GUEST,
        READ,
        WRITE,
        COMPONENT,
        &[Code::IncompatibleRevision, Code::RolloutUnderWay, Code::KindQuota, Code::ComponentQuota],
    ],
};

/// What can be wrong with a component, or keep it from being looked at.
pub(super) const COMPONENT: &[Code] = &[
    Code::NotAComponent,
    Code::ContractVersion,
    Code::ForbiddenImport,
    Code::ComponentTooLarge,
    Code::InvalidManifest,
    Code::CompileFailed,
    Code::MissingExport,
    Code::ForbiddenFeature,
    Code::CompileOutOfTime,
    Code::CompileOutOfMemory,
    Code::CompilerCrashed,
    Code::CompilerUnavailable,
    Code::DeploysFull,
    Code::CompileQuota,
    Code::ShuttingDown,
];

pub(super) async fn answer(
    context: &Context,
    (tenant, kind): (Tenant, Kind),
    query: &Query,
    request: Request,
) -> Result<Response, Problem> {
    let activates = match query.text(ACTIVATE.name) {
        None | Some("true") => true,
        Some("false") => false,
        Some(other) => {
            let detail = format!("activate={other} is neither true nor false");
            return Err(Problem::new(Code::InvalidRequest, detail));
        }
    };
    let (place, component) = upload(context, &tenant, context.host.begin_deploy(&tenant), request).await?;
    let host = context.host.clone();
    // A task of its own: a client that leaves while the component compiles does not leave half a deploy.
    let deploy = tokio::spawn(async move {
        match activates {
            true => host.deploy_in(place, &tenant, &kind, component).await,
            false => host.add_revision_in(place, &tenant, &kind, component).await,
        }
    });
    match deploy.await {
        Ok(result) => Ok(Json(result?).into_response()),
        Err(_) => {
            Err(Problem::new(Code::ShuttingDown, "the deploy was cut off; list the revisions to see its outcome"))
        }
    }
}

/// The place that was asked for, and the component in the body. A place comes before the body: how many places there are bounds
/// how many bodies the server holds.
pub(super) async fn upload<P>(
    context: &Context,
    tenant: &Tenant,
    place: Result<P, impl Into<Problem>>,
    request: Request,
) -> Result<(P, Bytes), Problem> {
    let place = place.map_err(Into::into)?;
    let limit = BodyLimit {
        bytes: context.host.limits().component_bytes,
        timeout: context.settings.body_read_timeout(),
        what: "component",
        setting: "limits.component_bytes",
        hit: Some((tenant, Limit::ComponentBytes)),
        code: Code::ComponentTooLarge,
    };
    Ok((place, body::read(request, limit).await?))
}
