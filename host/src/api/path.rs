//! What a request's raw path names. Keys are any text, so nothing is decoded before the segments are cut.

use super::percent::decode_segment;
use super::problem::Problem;
use crate::runtime::KeyId;
use crate::vocab::{Address, Code, Digest, Key, Kind, Owner, Tenant};

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Path {
    Health,
    Ready,
    Metrics,
    OpenApi,
    /// `/errors/GR0001`
    ErrorPage(Code),
    /// `/v1/-/tenants`
    Tenants,
    /// `/v1/-/refusals`
    Refusals,
    /// `/v1/-/refusals/{digest}`
    Refusal(Digest),
    /// `/v1/-/store:verify`
    StoreVerify,
    /// `/v1/{tenant}`
    Tenant(Tenant),
    /// `/v1/{tenant}:suspend`
    TenantVerb(Tenant, TenantVerb),
    /// `/v1/{owner}/keys`
    Keys(Owner),
    /// `/v1/{owner}/keys/{id}`
    Key(Owner, KeyId),
    /// `/v1/{owner}/keys/{id}:rotate`
    Rotate(Owner, KeyId),
    /// `/v1/{owner}/audit`
    Audit(Owner),
    /// `/v1/{owner}/trouble`
    Trouble(Owner),
    /// `/v1/{tenant}/dead-letters`
    DeadLetters(Tenant),
    /// `/v1/{tenant}/kinds`
    Kinds(Tenant),
    /// `/v1/{tenant}/kinds/{kind}`
    Kind(Tenant, Kind),
    /// `/v1/{tenant}/kinds/{kind}:activate`, `:rollback`, `:check`, `:rehearse`
    KindVerb(Tenant, Kind, KindVerb),
    /// `/v1/{tenant}/kinds/{kind}/rollout`
    Rollout(Tenant, Kind),
    /// `/v1/{tenant}/kinds/{kind}/revisions/{revision}`
    Revision(Tenant, Kind, u32),
    /// `/v1/{tenant}/actors/{kind}`
    Actors(Tenant, Kind),
    /// `/v1/{tenant}/actors/{kind}/{key}`
    Actor(Address),
    /// `…/{key}:snapshot`: the colon is literal; `%3A` belongs to the key.
    Verb(Address, ActorVerb),
    /// `…/{key}/{name}`: a view of the actor to GET, a command to POST.
    Member(Address, String),
}

/// What an operator can ask of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActorVerb {
    Snapshot,
    Passivate,
    Retry,
    Skip,
    Release,
    Purge,
    Recheck,
}

impl ActorVerb {
    const ALL: [(&'static str, Self); 7] = [
        (":snapshot", Self::Snapshot),
        (":passivate", Self::Passivate),
        (":retry", Self::Retry),
        (":skip", Self::Skip),
        (":release", Self::Release),
        (":purge", Self::Purge),
        (":recheck", Self::Recheck),
    ];
}

/// What can be asked of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KindVerb {
    Activate,
    RollBack,
    Check,
    Rehearse,
    Export,
}

impl KindVerb {
    const ALL: [(&'static str, Self); 5] = [
        (":activate", Self::Activate),
        (":rollback", Self::RollBack),
        (":check", Self::Check),
        (":rehearse", Self::Rehearse),
        (":export", Self::Export),
    ];
}

/// What an operator can ask of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TenantVerb {
    Suspend,
    Resume,
}

impl Path {
    /// Parses a raw path, as it stood in the request line without the query.
    ///
    /// # Errors
    /// A problem: no such path, a malformed encoding, an address that is not allowed.
    pub(super) fn parse(raw: &str) -> Result<Self, Problem> {
        let segments: Vec<&str> = raw.strip_prefix('/').unwrap_or(raw).split('/').collect();
        match segments.as_slice() {
            ["healthz"] => Ok(Self::Health),
            ["readyz"] => Ok(Self::Ready),
            ["metrics"] => Ok(Self::Metrics),
            ["openapi.json"] => Ok(Self::OpenApi),
            ["errors", code] => error_page(code, raw),
            ["v1", "-", "tenants"] => Ok(Self::Tenants),
            ["v1", "-", "refusals"] => Ok(Self::Refusals),
            ["v1", "-", "refusals", digest] => refusal(digest),
            ["v1", "-", "store:verify"] => Ok(Self::StoreVerify),
            ["v1", last] => tenant(last),
            ["v1", owner, "keys"] => Ok(Self::Keys(owner_of(owner)?)),
            ["v1", owner, "keys", last] => key(owner, last),
            ["v1", owner, "audit"] => Ok(Self::Audit(owner_of(owner)?)),
            ["v1", owner, "trouble"] => Ok(Self::Trouble(owner_of(owner)?)),
            ["v1", tenant, "dead-letters"] => Ok(Self::DeadLetters(tenant_of(tenant)?)),
            ["v1", tenant, "kinds"] => Ok(Self::Kinds(tenant_of(tenant)?)),
            ["v1", tenant, "kinds", last] => kind(tenant, last),
            ["v1", tenant, "kinds", kind, "rollout"] => Ok(Self::Rollout(tenant_of(tenant)?, kind_of(kind)?)),
            ["v1", tenant, "kinds", kind, "revisions", number] => revision(tenant, kind, number),
            ["v1", tenant, "actors", kind] => Ok(Self::Actors(tenant_of(tenant)?, kind_of(kind)?)),
            ["v1", tenant, "actors", kind, last] => actor(tenant, kind, last),
            ["v1", tenant, "actors", kind, key, name] => Ok(Self::Member(address(tenant, kind, key)?, decoded(name)?)),
            ["v1", _, "actors", _, _, _, _, ..] => Err(unknown(raw, "; a '/' in a key is written %2F")),
            _ => Err(unknown(raw, "")),
        }
    }
}

fn tenant(last: &str) -> Result<Path, Problem> {
    for (suffix, verb) in [(":suspend", TenantVerb::Suspend), (":resume", TenantVerb::Resume)] {
        if let Some(tenant) = last.strip_suffix(suffix) {
            return Ok(Path::TenantVerb(tenant_of(tenant)?, verb));
        }
    }
    Ok(Path::Tenant(tenant_of(last)?))
}

fn kind(tenant: &str, last: &str) -> Result<Path, Problem> {
    for (suffix, verb) in KindVerb::ALL {
        if let Some(kind) = last.strip_suffix(suffix) {
            return Ok(Path::KindVerb(tenant_of(tenant)?, kind_of(kind)?, verb));
        }
    }
    Ok(Path::Kind(tenant_of(tenant)?, kind_of(last)?))
}

fn key(owner: &str, last: &str) -> Result<Path, Problem> {
    let (id, rotate) = last.strip_suffix(":rotate").map_or((last, false), |id| (id, true));
    let id = decoded(id)?.parse().map_err(|reason: String| Problem::new(Code::InvalidRequest, reason))?;
    let owner = owner_of(owner)?;
    Ok(if rotate { Path::Rotate(owner, id) } else { Path::Key(owner, id) })
}

fn refusal(digest: &str) -> Result<Path, Problem> {
    let digest = Digest::parse(&decoded(digest)?);
    let problem = || Problem::new(Code::InvalidRequest, "a component's digest has 64 hexadecimal digits");
    digest.map(Path::Refusal).ok_or_else(problem)
}

fn owner_of(raw: &str) -> Result<Owner, Problem> {
    Ok(Owner::new(decoded(raw)?)?)
}

fn revision(tenant: &str, kind: &str, number: &str) -> Result<Path, Problem> {
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = number.parse().ok().filter(|_| is_number);
    let problem = || Problem::new(Code::InvalidRequest, "a revision is a number, as the list of revisions has it");
    Ok(Path::Revision(tenant_of(tenant)?, kind_of(kind)?, parsed.ok_or_else(problem)?))
}

fn actor(tenant: &str, kind: &str, last: &str) -> Result<Path, Problem> {
    for (suffix, verb) in ActorVerb::ALL {
        if let Some(key) = last.strip_suffix(suffix) {
            return Ok(Path::Verb(address(tenant, kind, key)?, verb));
        }
    }
    Ok(Path::Actor(address(tenant, kind, last)?))
}

fn error_page(code: &str, raw: &str) -> Result<Path, Problem> {
    Code::parse(code).map(Path::ErrorPage).ok_or_else(|| unknown(raw, "; error codes are written like GR0001"))
}

fn address(tenant: &str, kind: &str, key: &str) -> Result<Address, Problem> {
    Ok(Address { tenant: tenant_of(tenant)?, kind: kind_of(kind)?, key: Key::new(decoded(key)?)? })
}

fn tenant_of(raw: &str) -> Result<Tenant, Problem> {
    Ok(Tenant::new(decoded(raw)?)?)
}

fn kind_of(raw: &str) -> Result<Kind, Problem> {
    Ok(Kind::new(decoded(raw)?)?)
}

fn decoded(raw: &str) -> Result<String, Problem> {
    decode_segment(raw).map_err(|reason| Problem::new(Code::InvalidRequest, format!("the path part {reason}")))
}

fn unknown(raw: &str, hint: &str) -> Problem {
    Problem::new(Code::UnknownPath, format!("there is no path {raw}{hint}; GET /openapi.json lists all of them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(raw_key: &str) -> Result<String, Code> {
        match Path::parse(&format!("/v1/default/actors/counter/{raw_key}/get")) {
            Ok(Path::Member(address, name)) if name == "get" => Ok(address.key.as_str().to_owned()),
            Ok(other) => panic!("{other:?}"),
            Err(problem) => Err(problem.code()),
        }
    }

    #[test]
    fn every_byte_of_a_key_survives() {
        for (raw, key) in [
            ("c-1", "c-1"),
            ("a%2Fb", "a/b"),
            ("a%3Ab", "a:b"),
            ("a:b", "a:b"),
            ("..", ".."),
            ("%2e%2E", ".."),
            (".", "."),
            ("a%00b", "a\0b"),
            ("%252F", "%2F"),
            ("a+b", "a+b"),
            ("%D0%BA", "к"),
            ("%20", " "),
        ] {
            assert_eq!(key_of(raw).as_deref(), Ok(key), "{raw}");
        }
    }

    #[test]
    fn keys_that_are_not_allowed_have_their_own_code() {
        assert_eq!(key_of(""), Err(Code::InvalidAddress));
        assert_eq!(key_of(&"k".repeat(1_025)), Err(Code::InvalidAddress));
        assert_eq!(key_of(&"%41".repeat(1_024)), Ok("A".repeat(1_024)));
        assert_eq!(key_of("%ff"), Err(Code::InvalidRequest));
        assert_eq!(key_of("%2"), Err(Code::InvalidRequest));
    }

    #[test]
    fn a_literal_suffix_is_the_verb_and_an_encoded_one_belongs_to_the_key() {
        let verb = Path::parse("/v1/default/actors/counter/c-1:snapshot");
        assert!(matches!(verb, Ok(Path::Verb(a, ActorVerb::Snapshot)) if a.key.as_str() == "c-1"));
        let key = Path::parse("/v1/default/actors/counter/c-1%3Asnapshot");
        assert!(matches!(key, Ok(Path::Actor(a)) if a.key.as_str() == "c-1:snapshot"));
        let both = Path::parse("/v1/default/actors/counter/a%3Asnapshot:passivate");
        assert!(matches!(both, Ok(Path::Verb(a, ActorVerb::Passivate)) if a.key.as_str() == "a:snapshot"));
        let other = Path::parse("/v1/default/actors/counter/user:42");
        assert!(matches!(other, Ok(Path::Actor(a)) if a.key.as_str() == "user:42"));
        let none = Path::parse("/v1/default/actors/counter/:snapshot");
        assert_eq!(none.map_err(|p| p.code()), Err(Code::InvalidAddress));
    }

    #[test]
    fn paths_that_do_not_exist_are_not_guessed_at() {
        for raw in [
            "/",
            "",
            "/v1",
            "/v1/default/nothing",
            "/v2/default/kinds",
            "/healthz/",
            "/v1/default/actors",
            "/errors/GR9999",
        ] {
            assert_eq!(Path::parse(raw).map_err(|p| p.code()), Err(Code::UnknownPath), "{raw}");
        }
        let slash = Path::parse("/v1/default/actors/counter/a/b/get");
        assert!(slash.is_err_and(|p| p.detail().contains("%2F")));
    }

    #[test]
    fn names_are_checked_where_they_stand() {
        for raw in ["/v1/Upper/kinds", "/v1/default/kinds/", "/v1/default/kinds/a%2Fb", "/v1//actors/counter"] {
            assert_eq!(Path::parse(raw).map_err(|p| p.code()), Err(Code::InvalidAddress), "{raw}");
        }
    }
}
