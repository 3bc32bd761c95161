//! Who is let in. Decided before anything of a request but its head is looked at, and before anything is looked up.

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

use super::context::Context;
use super::percent::decode_segment;
use super::problem::Problem;
use super::route::{Route, Verb};
use crate::decide::{Denial, permit};
use crate::runtime::{Host, Identity, KeyText};
use crate::vocab::{Code, Grant, Owner, Scope};

/// The longest `Authorization` header that is looked at; a key is far shorter.
const AUTHORIZATION_BYTES_MAX: usize = 512;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing: it shows nothing that is anybody's.
    Public,
    /// A key with this scope, of whom the path names or of the host.
    Owner(Scope),
    /// A key of the host with this scope.
    Host(Scope),
}

/// What a caller without a key, or with another key, can be answered.
pub(super) const ACCESS: &[Code] = &[Code::MissingKey, Code::MalformedKey, Code::InvalidKey, Code::Forbidden];

impl Route {
    /// Whether what it does is written down in the audit log: everything that administers or deploys, except looking.
    pub(super) const fn is_audited(&self) -> bool {
        matches!(self.access, Access::Owner(Scope::Admin | Scope::Deploy) | Access::Host(Scope::Admin))
            && !matches!(self.verb, Verb::Get)
    }
}

/// Lets a request in, or tells why not. `named` is whom the path names. The answer to a stranger is the same whether
/// what the path names exists or not.
pub(super) fn admit(
    context: &Context,
    route: &Route,
    named: Option<&Owner>,
    headers: &HeaderMap,
) -> Result<Identity, Problem> {
    let admitted = decide(context, route, named, headers);
    if let Err(problem) = &admitted {
        Host::note_denied(problem.code());
    }
    admitted
}

fn decide(context: &Context, route: &Route, named: Option<&Owner>, headers: &HeaderMap) -> Result<Identity, Problem> {
    let (of, scope) = match (route.access, named) {
        (Access::Public, _) => return Ok(Identity::anyone()),
        (Access::Owner(scope), Some(named)) => (named.clone(), scope),
        (Access::Host(scope) | Access::Owner(scope), _) => (Owner::Host, scope),
    };
    if !context.host.asks_for_keys() {
        only_from_here(context, headers)?;
        return Ok(Identity::anyone());
    }
    let identity = context.host.authenticate(bearer(headers)?)?;
    permit(&identity.owner, &identity.scopes, &of, scope).map_err(|denial| denied(denial, &of, scope))?;
    if let (Owner::Tenant(tenant), Scope::Deploy) = (&identity.owner, scope)
        && !context.host.grants(tenant, Grant::Deploy)
    {
        return Err(forbidden("the tenant's own keys may not deploy: it lacks the grant deploy"));
    }
    Ok(identity)
}

fn denied(denial: Denial, of: &Owner, scope: Scope) -> Problem {
    match (denial, of) {
        (Denial::NotYours, Owner::Host) => forbidden("this needs a key of the host; the key is a tenant's"),
        (Denial::NotYours, Owner::Tenant(tenant)) => forbidden(&format!("the key is not one of tenant {tenant}")),
        (Denial::Scope, _) => forbidden(&format!("the key lacks the scope {scope}")),
    }
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(Code::Forbidden, detail)
}

/// The key in the `Authorization` header.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        let detail = "this server asks for a key; send Authorization: Bearer and the key";
        return Err(Problem::new(Code::MissingKey, detail));
    };
    // What was sent is never repeated: it may be a key with a typing error.
    let malformed = |detail: &str| Problem::new(Code::MalformedKey, detail);
    if values.next().is_some() {
        return Err(malformed("the request has two Authorization headers; send one"));
    }
    if value.len() > AUTHORIZATION_BYTES_MAX {
        return Err(malformed("the Authorization header is too long to be a key"));
    }
    let text = value.to_str().map_err(|_| malformed("the Authorization header is not plain text"))?;
    let (scheme, key) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(malformed("the Authorization header does not begin with Bearer"));
    }
    Ok(key.trim())
}

/// A server without keys belongs to whoever is on its machine; a page that a browser shows there is somebody else.
fn only_from_here(context: &Context, headers: &HeaderMap) -> Result<(), Problem> {
    if !context.is_local {
        return Ok(());
    }
    let is_here = |authority: &str| {
        let (name, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        let name = if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { authority };
        let name = name.trim_matches(['[', ']']).to_ascii_lowercase();
        let is_loopback = name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        is_loopback || name == "localhost" || name.ends_with(".localhost")
    };
    let refused = |name: &str| {
        let detail = format!(
            "the {name} header names another machine; a server without keys serves its own machine only. Create a key to open it to others"
        );
        Err(forbidden(&detail))
    };
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or("?").to_owned();
    if headers.get_all(HOST).iter().any(|host| !is_here(&text(host))) {
        return refused("Host");
    }
    let is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| is_here(authority));
    if headers.get_all(ORIGIN).iter().any(|origin| !is_ours(&text(origin))) {
        return refused("Origin");
    }
    Ok(())
}

/// Refuses a key in a URL: URLs are logged. The refusal does not repeat it.
pub(super) fn no_key_in(uri: &Uri) -> Result<(), Problem> {
    let text = uri.path_and_query().map_or("", |both| both.as_str());
    let decoded = decode_segment(text).unwrap_or_default();
    if KeyText::is_in(text) || KeyText::is_in(&decoded) {
        let detail = "the URL holds a key. Keys belong into the Authorization header; \
                      revoke this one if the URL was logged anywhere";
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_key_is_read_from_one_bearer_header() {
        assert_eq!(bearer(&headers(&["Bearer grk_1"])).ok(), Some("grk_1"));
        assert_eq!(bearer(&headers(&["bearer  grk_1 "])).ok(), Some("grk_1"));
        let code = |values: &[&str]| bearer(&headers(values)).err().map(|problem| problem.code());
        assert_eq!(code(&[]), Some(Code::MissingKey));
        assert_eq!(code(&["Basic Z3JrXzE="]), Some(Code::MalformedKey));
        assert_eq!(code(&["Bearer a", "Bearer b"]), Some(Code::MalformedKey));
        assert_eq!(code(&[&format!("Bearer {}", "a".repeat(600))]), Some(Code::MalformedKey));
    }

    #[test]
    fn a_key_in_a_url_is_refused_however_it_is_written_and_not_repeated() {
        let key = "grk_0123456789abcdef0123456789abcdef";
        for url in [
            format!("/v1/default/kinds?key={key}"),
            format!("/v1/default/keys/{key}"),
            format!("/{key}"),
            format!("/v1/default/kinds?k=%67rk%5F{}", key.trim_start_matches("grk_")),
        ] {
            let problem = no_key_in(&url.parse().unwrap()).unwrap_err();
            assert!(!problem.detail().contains("0123"), "{url}");
        }
        assert!(no_key_in(&"/v1/default/actors/counter/grk_1".parse().unwrap()).is_ok());
    }
}
