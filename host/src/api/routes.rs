//! Which verb answers a request.

use std::time::Instant;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::context::Context;
use super::path::{ActorVerb, KindVerb, Path, TenantVerb};
use super::problem::Problem;
use super::query::Query;
use super::rest_of_body::{Sender, lend};
use super::route::{Route, Verb};
use super::{
    access, actors, ask, audit, check, dead_letters, deploy, error_page, events, export, health, keys, kinds, metrics,
    metrics_page, openapi, passivate, ready, recheck, refusals, rehearse, remove_revision, revisions, rollout,
    snapshot, state, status, tenants, trouble, verify,
};
use crate::runtime::{Act, ActResult, Identity, KeyId, Realm};
use crate::vocab::{Address, Code, Digest, Kind, Owner, Tenant};

/// Every verb on every path.
pub(super) const ROUTES: &[&Route] = &[
    &health::ROUTE,
    &ready::ROUTE,
    &metrics_page::ROUTE,
    &openapi::ROUTE,
    &error_page::ROUTE,
    &tenants::list::ROUTE,
    &tenants::show::ROUTE,
    &tenants::create::ROUTE,
    &tenants::change::ROUTE,
    &tenants::delete::ROUTE,
    &tenants::suspend::ROUTE,
    &tenants::resume::ROUTE,
    &keys::list::ROUTE,
    &keys::create::ROUTE,
    &keys::revoke::ROUTE,
    &keys::rotate::ROUTE,
    &audit::ROUTE,
    &refusals::list::ROUTE,
    &refusals::forget::ROUTE,
    &trouble::list::ROUTE,
    &dead_letters::ROUTE,
    &verify::ROUTE,
    &kinds::ROUTE,
    &deploy::ROUTE,
    &check::ROUTE,
    &rehearse::ROUTE,
    &export::ROUTE,
    &revisions::ROUTE,
    &remove_revision::ROUTE,
    &rollout::activate::ROUTE,
    &rollout::roll_back::ROUTE,
    &rollout::show::ROUTE,
    &actors::ROUTE,
    &status::ROUTE,
    &state::ROUTE,
    &events::ROUTE,
    &ask::ROUTE,
    &snapshot::ROUTE,
    &passivate::ROUTE,
    &trouble::inspect::ROUTE,
    &trouble::retry::ROUTE,
    &trouble::skip::ROUTE,
    &trouble::release::ROUTE,
    &trouble::purge::ROUTE,
    &recheck::ROUTE,
];

/// The label of requests that no route answers.
const NO_ROUTE: &str = "none";

/// A request whose verb is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    Health,
    Ready,
    Metrics,
    OpenApi,
    ErrorPage(Code),
    Tenants,
    ShowTenant(Tenant),
    CreateTenant(Tenant),
    ChangeTenant(Tenant),
    DeleteTenant(Tenant),
    SuspendTenant(Tenant),
    ResumeTenant(Tenant),
    Keys(Owner),
    CreateKey(Owner),
    RevokeKey(Owner, KeyId),
    RotateKey(Owner, KeyId),
    Audit(Owner),
    Refusals,
    ForgetRefusal(Digest),
    Trouble(Owner),
    DeadLetters(Tenant),
    Verify,
    Kinds(Tenant),
    Deploy(Tenant, Kind),
    Check(Tenant, Kind),
    Rehearse(Tenant, Kind),
    Export(Tenant, Kind),
    Revisions(Tenant, Kind),
    RemoveRevision(Tenant, Kind, u32),
    Activate(Tenant, Kind),
    RollBack(Tenant, Kind),
    Rollout(Tenant, Kind),
    Actors(Tenant, Kind),
    Status(Address),
    State(Address),
    Events(Address),
    Ask(Address, String),
    Snapshot(Address),
    Passivate(Address),
    Inspect(Address),
    Retry(Address),
    Skip(Address),
    Release(Address),
    Purge(Address),
    Recheck(Address),
}

/// Answers a request, whatever it is.
pub(super) async fn answer(context: Context, request: Request) -> Response {
    let began = Instant::now();
    let (request, rest) = lend(request);
    let selected = access::no_key_in(request.uri()).and_then(|()| select(&request));
    let (label, answer) = match selected {
        Ok(call) => {
            let route = call.route();
            (route.template, serve(call, route, context, request).await)
        }
        Err(problem) => (NO_ROUTE, Err(problem)),
    };
    let mut response = answer.unwrap_or_else(|problem| {
        tracing::debug!(route = label, code = %problem.code(), detail = problem.detail(), "request refused");
        problem.into_response()
    });
    metrics::record_request(label, response.status().as_u16(), began.elapsed());
    let is_turned_away = label == NO_ROUTE
        || matches!(response.status(), axum::http::StatusCode::UNAUTHORIZED | axum::http::StatusCode::FORBIDDEN);
    rest.settle(&mut response, if is_turned_away { Sender::TurnedAway } else { Sender::LetIn }).await;
    response
}

/// Lets the caller in and does what it asks; what administers is written down before and after.
async fn serve(call: Call, route: &'static Route, context: Context, request: Request) -> Result<Response, Problem> {
    let owner = call.owner();
    let caller = access::admit(&context, route, owner.as_ref(), request.headers())?;
    if let Some(Owner::Tenant(tenant)) = &owner
        && context.host.has_tenant(tenant)
    {
        context.connection.serves(tenant)?;
    }
    if !route.is_audited() {
        return run(call, route, &context, &caller, request).await;
    }
    let act = Act { who: who(&caller), what: route.name.to_owned(), target: request.uri().path().to_owned() };
    let begun = context.host.begin_act(&audited_owner(&call, route, &context), realm(route), act).await?;
    // In a task of its own: a caller that leaves does not leave an act half done, or without its result.
    let act = tokio::spawn(async move {
        let answer = run(call, route, &context, &caller, request).await;
        let result = match &answer {
            Ok(_) => ActResult::Done,
            Err(problem) => ActResult::Failed(problem.code().to_string()),
        };
        context.host.end_act(&begun, result).await;
        answer
    });
    act.await.unwrap_or_else(|_| Err(Problem::new(Code::ShuttingDown, "the server ended before the act did")))
}

/// In whose log an act stands: a tenant's own acts, and those on its keys, in its own; those on tenants in the host's.
fn audited_owner(call: &Call, route: &Route, context: &Context) -> Owner {
    match (route.access, call.owner()) {
        (Access::Owner(_), Some(Owner::Tenant(tenant))) if context.host.has_tenant(&tenant) => Owner::Tenant(tenant),
        _ => Owner::Host,
    }
}

/// What an act is about: actors and kinds, or who is let in.
fn realm(route: &Route) -> Realm {
    let of_actors = ["/actors/", "/kinds/", "/dead-letters", "/store"];
    if of_actors.iter().any(|part| route.template.contains(part)) { Realm::Actors } else { Realm::Access }
}

pub(super) fn who(caller: &Identity) -> String {
    caller.key.map_or_else(|| "anyone".to_owned(), |id| id.to_string())
}

pub(super) fn select(request: &Request) -> Result<Call, Problem> {
    let path = Path::parse(request.uri().path())?;
    let method = request.method().as_str();
    match Verb::of(method).and_then(|verb| Call::choose(verb, &path)) {
        Some(call) => Ok(call),
        None => Err(not_allowed(method, request.uri().path(), &path)),
    }
}

fn not_allowed(method: &str, raw: &str, path: &Path) -> Problem {
    let allowed: Vec<&str> =
        Verb::ALL.into_iter().filter(|verb| Call::choose(*verb, path).is_some()).map(Verb::as_str).collect();
    let hint = match path {
        Path::Actor(_) => "; POST needs a command after the key, as in …/{key}/{command}",
        Path::Verb(..) => "; a ':' that belongs to the key is written %3A",
        _ => "",
    };
    let allowed = allowed.join(", ");
    Problem::method_not_allowed(format!("{raw} takes {allowed}, not {method}{hint}"), &allowed)
}

impl Call {
    /// The verb for a method on a path; `None` if the path does not have the method.
    fn choose(verb: Verb, path: &Path) -> Option<Self> {
        Some(match (verb, path.clone()) {
            (Verb::Get, Path::Health) => Self::Health,
            (Verb::Get, Path::Ready) => Self::Ready,
            (Verb::Get, Path::Metrics) => Self::Metrics,
            (Verb::Get, Path::OpenApi) => Self::OpenApi,
            (Verb::Get, Path::ErrorPage(code)) => Self::ErrorPage(code),
            (Verb::Get, Path::Tenants) => Self::Tenants,
            (Verb::Get, Path::Tenant(tenant)) => Self::ShowTenant(tenant),
            (Verb::Put, Path::Tenant(tenant)) => Self::CreateTenant(tenant),
            (Verb::Patch, Path::Tenant(tenant)) => Self::ChangeTenant(tenant),
            (Verb::Delete, Path::Tenant(tenant)) => Self::DeleteTenant(tenant),
            (Verb::Post, Path::TenantVerb(tenant, TenantVerb::Suspend)) => Self::SuspendTenant(tenant),
            (Verb::Post, Path::TenantVerb(tenant, TenantVerb::Resume)) => Self::ResumeTenant(tenant),
            (Verb::Get, Path::Keys(owner)) => Self::Keys(owner),
            (Verb::Post, Path::Keys(owner)) => Self::CreateKey(owner),
            (Verb::Delete, Path::Key(owner, id)) => Self::RevokeKey(owner, id),
            (Verb::Post, Path::Rotate(owner, id)) => Self::RotateKey(owner, id),
            (Verb::Get, Path::Audit(owner)) => Self::Audit(owner),
            (Verb::Get, Path::Refusals) => Self::Refusals,
            (Verb::Delete, Path::Refusal(digest)) => Self::ForgetRefusal(digest),
            (Verb::Get, Path::Trouble(owner)) => Self::Trouble(owner),
            (Verb::Get, Path::DeadLetters(tenant)) => Self::DeadLetters(tenant),
            (Verb::Post, Path::StoreVerify) => Self::Verify,
            (Verb::Get, Path::Kinds(tenant)) => Self::Kinds(tenant),
            (Verb::Put, Path::Kind(tenant, kind)) => Self::Deploy(tenant, kind),
            (Verb::Post, Path::KindVerb(tenant, kind, KindVerb::Check)) => Self::Check(tenant, kind),
            (Verb::Post, Path::KindVerb(tenant, kind, KindVerb::Export)) => Self::Export(tenant, kind),
            (Verb::Post, Path::KindVerb(tenant, kind, KindVerb::Rehearse)) => Self::Rehearse(tenant, kind),
            (Verb::Get, Path::Kind(tenant, kind)) => Self::Revisions(tenant, kind),
            (Verb::Post, Path::KindVerb(tenant, kind, KindVerb::Activate)) => Self::Activate(tenant, kind),
            (Verb::Post, Path::KindVerb(tenant, kind, KindVerb::RollBack)) => Self::RollBack(tenant, kind),
            (Verb::Get, Path::Rollout(tenant, kind)) => Self::Rollout(tenant, kind),
            (Verb::Delete, Path::Revision(tenant, kind, number)) => Self::RemoveRevision(tenant, kind, number),
            (Verb::Get, Path::Actors(tenant, kind)) => Self::Actors(tenant, kind),
            (Verb::Get, Path::Actor(address)) => Self::Status(address),
            (Verb::Get, Path::Member(address, name)) if name == "state" => Self::State(address),
            (Verb::Get, Path::Member(address, name)) if name == "events" => Self::Events(address),
            (Verb::Get, Path::Member(address, name)) if name == "trouble" => Self::Inspect(address),
            (Verb::Post, Path::Member(address, command)) => Self::Ask(address, command),
            (Verb::Post, Path::Verb(address, ActorVerb::Snapshot)) => Self::Snapshot(address),
            (Verb::Post, Path::Verb(address, ActorVerb::Passivate)) => Self::Passivate(address),
            (Verb::Post, Path::Verb(address, ActorVerb::Retry)) => Self::Retry(address),
            (Verb::Post, Path::Verb(address, ActorVerb::Skip)) => Self::Skip(address),
            (Verb::Post, Path::Verb(address, ActorVerb::Release)) => Self::Release(address),
            (Verb::Post, Path::Verb(address, ActorVerb::Purge)) => Self::Purge(address),
            (Verb::Post, Path::Verb(address, ActorVerb::Recheck)) => Self::Recheck(address),
            _ => return None,
        })
    }

    /// Whom its path names; `None`: nobody.
    fn owner(&self) -> Option<Owner> {
        match self {
            Self::Health
            | Self::Ready
            | Self::Metrics
            | Self::OpenApi
            | Self::ErrorPage(_)
            | Self::Tenants
            | Self::Refusals
            | Self::ForgetRefusal(_)
            | Self::Verify => None,
            Self::ShowTenant(tenant)
            | Self::CreateTenant(tenant)
            | Self::ChangeTenant(tenant)
            | Self::DeleteTenant(tenant)
            | Self::SuspendTenant(tenant)
            | Self::ResumeTenant(tenant)
            | Self::DeadLetters(tenant)
            | Self::Kinds(tenant)
            | Self::Deploy(tenant, _)
            | Self::Check(tenant, _)
            | Self::Rehearse(tenant, _)
            | Self::Export(tenant, _)
            | Self::Revisions(tenant, _)
            | Self::RemoveRevision(tenant, ..)
            | Self::Activate(tenant, _)
            | Self::RollBack(tenant, _)
            | Self::Rollout(tenant, _)
            | Self::Actors(tenant, _) => Some(Owner::Tenant(tenant.clone())),
            Self::Keys(owner)
            | Self::CreateKey(owner)
            | Self::RevokeKey(owner, _)
            | Self::RotateKey(owner, _)
            | Self::Trouble(owner)
            | Self::Audit(owner) => Some(owner.clone()),
            Self::Status(address)
            | Self::State(address)
            | Self::Events(address)
            | Self::Ask(address, _)
            | Self::Snapshot(address)
            | Self::Passivate(address)
            | Self::Inspect(address)
            | Self::Retry(address)
            | Self::Skip(address)
            | Self::Release(address)
            | Self::Purge(address)
            | Self::Recheck(address) => Some(Owner::Tenant(address.tenant.clone())),
        }
    }

    pub(super) const fn route(&self) -> &'static Route {
        match self {
            Self::Health => &health::ROUTE,
            Self::Ready => &ready::ROUTE,
            Self::Metrics => &metrics_page::ROUTE,
            Self::OpenApi => &openapi::ROUTE,
            Self::ErrorPage(_) => &error_page::ROUTE,
            Self::Tenants => &tenants::list::ROUTE,
            Self::ShowTenant(_) => &tenants::show::ROUTE,
            Self::CreateTenant(_) => &tenants::create::ROUTE,
            Self::ChangeTenant(_) => &tenants::change::ROUTE,
            Self::DeleteTenant(_) => &tenants::delete::ROUTE,
            Self::SuspendTenant(_) => &tenants::suspend::ROUTE,
            Self::ResumeTenant(_) => &tenants::resume::ROUTE,
            Self::Keys(_) => &keys::list::ROUTE,
            Self::CreateKey(_) => &keys::create::ROUTE,
            Self::RevokeKey(..) => &keys::revoke::ROUTE,
            Self::RotateKey(..) => &keys::rotate::ROUTE,
            Self::Audit(_) => &audit::ROUTE,
            Self::Refusals => &refusals::list::ROUTE,
            Self::ForgetRefusal(_) => &refusals::forget::ROUTE,
            Self::Trouble(_) => &trouble::list::ROUTE,
            Self::DeadLetters(_) => &dead_letters::ROUTE,
            Self::Verify => &verify::ROUTE,
            Self::Kinds(_) => &kinds::ROUTE,
            Self::Deploy(..) => &deploy::ROUTE,
            Self::Check(..) => &check::ROUTE,
            Self::Rehearse(..) => &rehearse::ROUTE,
            Self::Export(..) => &export::ROUTE,
            Self::Revisions(..) => &revisions::ROUTE,
            Self::RemoveRevision(..) => &remove_revision::ROUTE,
            Self::Activate(..) => &rollout::activate::ROUTE,
            Self::RollBack(..) => &rollout::roll_back::ROUTE,
            Self::Rollout(..) => &rollout::show::ROUTE,
            Self::Actors(..) => &actors::ROUTE,
            Self::Status(_) => &status::ROUTE,
            Self::State(_) => &state::ROUTE,
            Self::Events(_) => &events::ROUTE,
            Self::Ask(..) => &ask::ROUTE,
            Self::Snapshot(_) => &snapshot::ROUTE,
            Self::Passivate(_) => &passivate::ROUTE,
            Self::Inspect(_) => &trouble::inspect::ROUTE,
            Self::Retry(_) => &trouble::retry::ROUTE,
            Self::Skip(_) => &trouble::skip::ROUTE,
            Self::Release(_) => &trouble::release::ROUTE,
            Self::Purge(_) => &trouble::purge::ROUTE,
            Self::Recheck(_) => &recheck::ROUTE,
        }
    }
}

async fn run(
    call: Call,
    route: &Route,
    context: &Context,
    caller: &Identity,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query(), route.query)?;
    match call {
        Call::Health => Ok(health::answer()),
        Call::Ready => ready::answer(context),
        Call::Metrics => Ok(metrics_page::answer(context)),
        Call::OpenApi => Ok(openapi::answer(context)),
        Call::ErrorPage(code) => Ok(error_page::answer(code)),
        Call::Tenants => Ok(tenants::list::answer(context)),
        Call::ShowTenant(tenant) => tenants::show::answer(context, &tenant),
        Call::CreateTenant(tenant) => tenants::create::answer(context, &tenant, request).await,
        Call::ChangeTenant(tenant) => tenants::change::answer(context, &tenant, request).await,
        Call::DeleteTenant(tenant) => tenants::delete::answer(context, &tenant, &query).await,
        Call::SuspendTenant(tenant) => tenants::suspend::answer(context, &tenant).await,
        Call::ResumeTenant(tenant) => tenants::resume::answer(context, &tenant).await,
        Call::Keys(owner) => keys::list::answer(context, &owner),
        Call::CreateKey(owner) => keys::create::answer(context, caller, &owner, request).await,
        Call::RevokeKey(owner, id) => keys::revoke::answer(context, &owner, id).await,
        Call::RotateKey(owner, id) => keys::rotate::answer(context, caller, &owner, id, &query).await,
        Call::Audit(owner) => audit::answer(context, &owner, &query).await,
        Call::Refusals => Ok(refusals::list::answer(context)),
        Call::ForgetRefusal(digest) => refusals::forget::answer(context, digest).await,
        Call::Trouble(owner) => trouble::list::answer(context, &owner, &query),
        Call::DeadLetters(tenant) => dead_letters::answer(context, &tenant, &query).await,
        Call::Verify => verify::answer(context),
        Call::Kinds(tenant) => kinds::answer(context, &tenant).await,
        Call::Deploy(tenant, kind) => deploy::answer(context, (tenant, kind), &query, request).await,
        Call::Check(tenant, kind) => check::answer(context, tenant, kind, request).await,
        Call::Export(tenant, kind) => export::answer(context, &tenant, &kind, &query),
        Call::Rehearse(tenant, kind) => rehearse::answer(context, tenant, kind, &query, request).await,
        Call::Revisions(tenant, kind) => revisions::answer(context, &tenant, &kind, &query).await,
        Call::RemoveRevision(tenant, kind, number) => remove_revision::answer(context, &tenant, &kind, number).await,
        Call::Activate(tenant, kind) => rollout::activate::answer(context, caller, (tenant, kind), request).await,
        Call::RollBack(tenant, kind) => rollout::roll_back::answer(context, caller, (tenant, kind), &query).await,
        Call::Rollout(tenant, kind) => rollout::show::answer(context, &tenant, &kind),
        Call::Actors(tenant, kind) => actors::answer(context, &tenant, &kind, &query).await,
        Call::Status(address) => status::answer(context, address).await,
        Call::State(address) => state::answer(context, address, &query).await,
        Call::Events(address) => events::answer(context, address, &query).await,
        Call::Ask(address, command) => ask::answer(context, address, command, request).await,
        Call::Snapshot(address) => snapshot::answer(context, address).await,
        Call::Passivate(address) => passivate::answer(context, address).await,
        Call::Inspect(address) => trouble::inspect::answer(context, address).await,
        Call::Retry(address) => trouble::retry::answer(context, address).await,
        Call::Skip(address) => trouble::skip::answer(context, caller, address, &query).await,
        Call::Release(address) => trouble::release::answer(context, address).await,
        Call::Purge(address) => trouble::purge::answer(context, caller, address, &query).await,
        Call::Recheck(address) => recheck::answer(context, address).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use std::collections::BTreeSet;

    fn request(method: &str, uri: &str) -> Request {
        Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()
    }

    fn example(template: &str) -> String {
        [
            ("{tenant}", "default"),
            ("{owner}", "-"),
            ("{id}", "0123456789abcdef"),
            ("{kind}", "counter"),
            ("{revision}", "3"),
            ("{key}", "a%2Fb"),
            ("{command}", "increment"),
            ("{code}", "GR0007"),
            ("{digest}", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
        ]
        .iter()
        .fold(template.to_owned(), |path, (name, value)| path.replace(name, value))
    }

    #[test]
    fn every_listed_route_is_the_one_that_answers_its_path() {
        for route in ROUTES {
            let path = example(route.template);
            let call = select(&request(route.verb.as_str(), &path)).unwrap();
            assert!(std::ptr::eq(call.route(), *route), "{} {path} goes to {call:?}", route.verb.as_str());
        }
    }

    #[test]
    fn no_two_routes_share_a_name_or_a_place() {
        let names: BTreeSet<_> = ROUTES.iter().map(|route| route.name).collect();
        let places: BTreeSet<_> = ROUTES.iter().map(|route| (route.template, route.verb)).collect();
        assert_eq!((names.len(), places.len()), (ROUTES.len(), ROUTES.len()));
    }

    #[test]
    fn a_wrong_method_says_which_ones_there_are() {
        for (method, path, allow) in [
            ("DELETE", "/v1/default/kinds/counter", "GET, PUT"),
            ("POST", "/v1/default/actors/counter/c-1", "GET"),
            ("GET", "/v1/default/actors/counter/c-1:snapshot", "POST"),
            ("GET", "/v1/default/actors/counter/c-1/increment", "POST"),
            ("PUT", "/v1/default/actors/counter/c-1/state", "GET, POST"),
            ("OPTIONS", "/healthz", "GET"),
        ] {
            let problem = select(&request(method, path)).unwrap_err();
            assert_eq!(problem.code(), Code::MethodNotAllowed);
            assert_eq!(problem.into_response().headers()["allow"], allow, "{method} {path}");
        }
    }

    #[test]
    fn a_command_may_have_the_name_of_a_view() {
        let call = select(&request("POST", "/v1/default/actors/counter/c-1/state")).unwrap();
        assert!(matches!(call, Call::Ask(_, name) if name == "state"));
    }

    #[test]
    fn a_head_request_is_a_get_without_its_body() {
        assert_eq!(select(&request("HEAD", "/healthz")).unwrap(), Call::Health);
    }
}
