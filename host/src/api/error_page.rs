//! `GET /errors/{code}`: the page on an error; the `type` of every problem leads here.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::route::{Route, Success, Verb};
use crate::vocab::Code;

const CONTENT: &str = "text/markdown; charset=utf-8";

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/errors/{code}",
    name: "errorPage",
    about: "Cause, fix and common mistakes of one error code, as `greenroom explain` prints them.",
    access: Access::Public,
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: CONTENT, schema: None, about: "The page.", headers: &[] },
    errors: &[&[Code::UnknownPath]],
};

pub(super) fn answer(code: Code) -> Response {
    ([(CONTENT_TYPE, CONTENT)], code.page()).into_response()
}
