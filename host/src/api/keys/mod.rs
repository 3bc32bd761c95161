//! Keys, administered: one file per verb. The owner in the path is a tenant, or `-` for the host.

pub(super) mod create;
pub(super) mod list;
pub(super) mod revoke;
pub(super) mod rotate;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::context::Context;
use super::problem::Problem;
use crate::runtime::{Identity, KeyView, NewKey};
use crate::vocab::{Code, Grant, Owner, Scopes};

/// A key that was just created, as it goes over the wire.
#[derive(Serialize)]
pub(super) struct Created<'a> {
    pub(super) key: &'a str,
    #[serde(flatten)]
    pub(super) view: &'a KeyView,
}

fn created(new: &NewKey) -> Response {
    let mut response = Json(Created { key: new.text.expose(), view: &new.view }).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Nobody gives away more than he has: else `admin` would include every other scope.
fn may_give(context: &Context, caller: &Identity, scopes: &Scopes) -> Result<(), Problem> {
    if let Some(missing) = scopes.difference(&caller.scopes).next() {
        let detail = format!("a key with the scope {missing} is made with a key that has it");
        return Err(Problem::new(Code::Forbidden, detail));
    }
    match &caller.owner {
        Owner::Tenant(tenant) if !context.host.grants(tenant, Grant::Keys) => {
            let detail = "the tenant's own keys may not make keys: it lacks the grant keys";
            Err(Problem::new(Code::Forbidden, detail))
        }
        _ => Ok(()),
    }
}
