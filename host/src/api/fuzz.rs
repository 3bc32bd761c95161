//! What clients send: request lines, queries, bodies.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, Uri};

use super::access::no_key_in;
use super::path::Path;
use super::percent::encode_segment;
use super::query::Query;
use super::routes;
use crate::runtime::{KeyRequest, TenantChange};

/// A method and a target, as they stand in a request line: chosen or refused without a panic, and what was chosen is
/// found again under its canonical spelling.
pub(crate) fn head(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (method, target) = text.split_once(' ').unwrap_or(("GET", text));
    if let Ok(Path::Actor(address)) = Path::parse(target) {
        let [tenant, kind, key] =
            [address.tenant.as_str(), address.kind.as_str(), address.key.as_str()].map(encode_segment);
        let again = Path::parse(&format!("/v1/{tenant}/actors/{kind}/{key}"));
        assert!(again.is_ok_and(|again| again == Path::Actor(address)), "an address has no spelling of its own");
    }
    let (Ok(uri), Ok(method)) = (Uri::try_from(target), Method::from_bytes(method.as_bytes())) else { return };
    let _refused = no_key_in(&uri);
    let query = uri.query().map(str::to_owned);
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    *request.method_mut() = method;
    if let Ok(call) = routes::select(&request)
        && let Ok(query) = Query::parse(query.as_deref(), call.route().query)
    {
        for parameter in call.route().query {
            let _refused = (query.text(parameter.name), query.number(parameter.name), query.switch(parameter.name));
        }
    }
}

/// A body that administers something.
pub(crate) fn body(bytes: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<KeyRequest>(bytes) {
        let again = serde_json::to_vec(&request).ok().and_then(|text| serde_json::from_slice(&text).ok());
        assert!(
            again.is_none_or(|again: KeyRequest| again == request),
            "a request for a key changes when it is repeated"
        );
    }
    if let Ok(change) = serde_json::from_slice::<TenantChange>(bytes) {
        crate::runtime::fuzz::change(&change);
    }
}
