//! Every route × every scope × every kind of caller. A route that is not in the table below fails the test.

mod suspended;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::HttpSettings;
use super::connections::Connections;
use super::context::{Context, Phase};
use super::route::Route;
use super::routes::{self, ROUTES};
use crate::runtime::{Host, HostSettings, KeyRequest};
use crate::vocab::{Limits, ManualClock, Owner, Scope, Scopes, Tenant, Timestamp};

/// What a route needs, written down here a second time: a route whose access is changed must be changed here, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    /// A key of the tenant that the path names, or of the host.
    Own(Scope),
    /// A key of the host.
    Host(Scope),
}

const NEEDS: &[(&str, Need)] = &[
    ("health", Need::Nothing),
    ("ready", Need::Nothing),
    ("openapi", Need::Nothing),
    ("errorPage", Need::Nothing),
    ("metrics", Need::Host(Scope::Read)),
    ("listTenants", Need::Host(Scope::Read)),
    ("showTenant", Need::Own(Scope::Read)),
    ("createTenant", Need::Host(Scope::Admin)),
    ("changeTenant", Need::Host(Scope::Admin)),
    ("deleteTenant", Need::Host(Scope::Admin)),
    ("suspendTenant", Need::Host(Scope::Admin)),
    ("resumeTenant", Need::Host(Scope::Admin)),
    ("listKeys", Need::Own(Scope::Admin)),
    ("createKey", Need::Own(Scope::Admin)),
    ("revokeKey", Need::Own(Scope::Admin)),
    ("rotateKey", Need::Own(Scope::Admin)),
    ("listAudit", Need::Own(Scope::Admin)),
    ("listRefusals", Need::Host(Scope::Read)),
    ("forgetRefusal", Need::Host(Scope::Admin)),
    ("verifyStore", Need::Host(Scope::Admin)),
    ("listTrouble", Need::Own(Scope::Read)),
    ("listDeadLetters", Need::Own(Scope::Read)),
    ("inspectActor", Need::Own(Scope::Read)),
    ("retryActor", Need::Own(Scope::Admin)),
    ("skipPoison", Need::Own(Scope::Admin)),
    ("releaseActor", Need::Own(Scope::Admin)),
    ("purgeActor", Need::Own(Scope::Admin)),
    ("listKinds", Need::Own(Scope::Read)),
    ("deploy", Need::Own(Scope::Deploy)),
    ("checkRevision", Need::Own(Scope::Deploy)),
    ("rehearse", Need::Own(Scope::Deploy)),
    ("export", Need::Own(Scope::Admin)),
    ("removeRevision", Need::Own(Scope::Admin)),
    ("listRevisions", Need::Own(Scope::Read)),
    ("activateRevision", Need::Own(Scope::Deploy)),
    ("rollBack", Need::Own(Scope::Deploy)),
    ("showRollout", Need::Own(Scope::Read)),
    ("listActors", Need::Own(Scope::Read)),
    ("actorStatus", Need::Own(Scope::Read)),
    ("actorState", Need::Own(Scope::Read)),
    ("actorEvents", Need::Own(Scope::Read)),
    ("ask", Need::Own(Scope::Call)),
    ("snapshotActor", Need::Own(Scope::Admin)),
    ("passivateActor", Need::Own(Scope::Admin)),
    ("recheckActor", Need::Own(Scope::Admin)),
];

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    NoKey,
    Mistyped,
    Unknown,
    Expired,
    Revoked,
    Own(Scope),
    Other(Scope),
    Operator(Scope),
}

fn callers() -> Vec<Caller> {
    let strangers = [Caller::NoKey, Caller::Mistyped, Caller::Unknown, Caller::Expired, Caller::Revoked];
    let with = |of: fn(Scope) -> Caller| Scope::ALL.into_iter().map(of);
    strangers.into_iter().chain(with(Caller::Own)).chain(with(Caller::Other)).chain(with(Caller::Operator)).collect()
}

/// What a caller is answered on a path that names the tenant of `Caller::Own`; `None`: it is let in.
const fn refusal(need: Need, caller: Caller) -> Option<StatusCode> {
    let is_permitted = match (need, caller) {
        (Need::Nothing, _) => true,
        (_, Caller::NoKey | Caller::Mistyped | Caller::Unknown | Caller::Expired | Caller::Revoked) => {
            return Some(StatusCode::UNAUTHORIZED);
        }
        (Need::Own(needed), Caller::Own(held)) | (Need::Own(needed) | Need::Host(needed), Caller::Operator(held)) => {
            needed as u8 == held as u8
        }
        _ => false,
    };
    if is_permitted { None } else { Some(StatusCode::FORBIDDEN) }
}

struct Scene {
    context: Context,
    clock: Arc<ManualClock>,
    operator: String,
    _phase: watch::Sender<Phase>,
}

fn owner(name: &str) -> Owner {
    Owner::new(name).unwrap()
}

impl Scene {
    /// A host with the tenants acme and rival, and a key that may do everything.
    async fn new() -> Self {
        let limits = Limits { live_actors: 4, ..Limits::default() };
        let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        let settings = HostSettings { limits, ..HostSettings::default() };
        let host = Host::builder().settings(settings).clock(Arc::<ManualClock>::clone(&clock)).build().await.unwrap();
        for tenant in ["acme", "rival"] {
            host.create_tenant(&Tenant::new(tenant).unwrap(), &Default::default()).await.unwrap();
        }
        let (phase, watched) = watch::channel(Phase::Open);
        let connections = Connections::new(u32::MAX);
        let context = Context {
            connection: connections.open(),
            connections,
            host,
            is_local: true,
            settings: Arc::new(HttpSettings::default()),
            metrics: None,
            openapi: Bytes::new(),
            phase: watched,
        };
        let mut scene = Self { context, clock, operator: String::new(), _phase: phase };
        scene.operator = scene.key("-", &Scope::ALL, None).await;
        scene
    }

    async fn key(&self, of: &str, scopes: &[Scope], expires_in_s: Option<u64>) -> String {
        let scopes: Scopes = scopes.iter().copied().collect();
        let request = KeyRequest { name: "test".to_owned(), scopes, expires_in_s };
        self.context.host.create_key(&owner(of), &request).await.unwrap().text.expose().to_owned()
    }

    async fn key_of(&self, caller: Caller) -> Option<String> {
        let all = &Scope::ALL;
        Some(match caller {
            Caller::NoKey => return None,
            Caller::Mistyped => {
                let key = self.key("acme", all, None).await;
                let last = if key.ends_with('0') { "1" } else { "0" };
                format!("{}{last}", &key[..key.len() - 1])
            }
            Caller::Unknown => {
                let elsewhere = Box::pin(Self::new()).await;
                elsewhere.operator
            }
            Caller::Expired => {
                let key = self.key("acme", all, Some(5)).await;
                self.clock.advance_ms(5_000);
                key
            }
            Caller::Revoked => {
                let key = self.key("acme", all, None).await;
                let id = self.context.host.authenticate(&key).unwrap().key.unwrap();
                self.context.host.revoke_key(&owner("acme"), id).await.unwrap();
                key
            }
            Caller::Own(scope) => self.key("acme", &[scope], None).await,
            Caller::Other(scope) => self.key("rival", &[scope], None).await,
            Caller::Operator(scope) => self.key("-", &[scope], None).await,
        })
    }

    async fn send(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = routes::answer(self.context.clone(), request).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn ask(&self, route: &Route, of: &str, key: Option<&str>) -> (StatusCode, String) {
        self.send(route.verb.as_str(), &path(route, of), key, "").await
    }
}

fn path(route: &Route, of: &str) -> String {
    let path = route.template.replace("{tenant}", of).replace("{owner}", of);
    let path = path.replace("{kind}", "counter").replace("{key}", "c-1").replace("{command}", "get");
    path.replace("{code}", "GR0007")
        .replace("{id}", "0123456789abcdef")
        .replace("{revision}", "3")
        .replace("{digest}", &"0f".repeat(32))
}

fn need(route: &Route) -> Need {
    let found = NEEDS.iter().find(|(name, _)| *name == route.name);
    found.unwrap_or_else(|| panic!("say in this test what {} needs", route.name)).1
}

fn is_refused(status: StatusCode) -> bool {
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status)
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let mut cases = 0;
    let refused = Scene::new().await;
    let mut keys = Vec::new();
    for caller in callers() {
        keys.push((caller, refused.key_of(caller).await));
    }
    for route in ROUTES {
        for (caller, key) in &keys {
            cases += 1;
            let expected = refusal(need(route), *caller);
            // Who is let in may change things: a scene of its own.
            let (status, body) = if expected.is_some() {
                refused.ask(route, "acme", key.as_deref()).await
            } else {
                let own = Scene::new().await;
                let key = own.key_of(*caller).await;
                own.ask(route, "acme", key.as_deref()).await
            };
            match expected {
                Some(expected) => assert_eq!(status, expected, "{} {caller:?}: {body}", route.name),
                None => assert!(!is_refused(status), "{} {caller:?}: {status} {body}", route.name),
            }
        }
    }
    assert_eq!(cases, ROUTES.len() * 17);
    let named: BTreeSet<&str> = NEEDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, ROUTES.iter().map(|route| route.name).collect());
}

#[tokio::test]
async fn the_hosts_own_things_are_for_operators_only() {
    let scene = Scene::new().await;
    for route in ROUTES.iter().filter(|route| route.template.contains("{owner}")) {
        let Need::Own(scope) = need(route) else { panic!("{}", route.name) };
        let tenants = scene.key("acme", &Scope::ALL, None).await;
        assert_eq!(scene.ask(route, "-", Some(&tenants)).await.0, StatusCode::FORBIDDEN, "{}", route.name);
        let operators = scene.key("-", &[scope], None).await;
        let (status, body) = scene.ask(route, "-", Some(&operators)).await;
        assert!(!is_refused(status), "{}: {body}", route.name);
    }
}

#[tokio::test]
async fn a_stranger_is_answered_the_same_whether_a_tenant_exists_or_not() {
    let scene = Scene::new().await;
    let stranger = scene.key("rival", &Scope::ALL, None).await;
    for route in ROUTES.iter().filter(|route| path(route, "a") != path(route, "b")) {
        for key in [Some(stranger.as_str()), None] {
            let there = scene.ask(route, "acme", key).await;
            let ghost = scene.ask(route, "ghost", key).await;
            assert!(is_refused(there.0), "{}", route.name);
            assert_eq!(there.0, ghost.0, "{}", route.name);
            assert_eq!(there.1.replace("acme", "ghost"), ghost.1, "{}", route.name);
        }
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_reaches_another_tenant() {
    let scene = Scene::new().await;
    let stranger = scene.key("rival", &Scope::ALL, None).await;
    for path in [
        "/v1/%61cme/kinds",
        "/v1/%61%63%6d%65/kinds",
        "/v1/ACME/kinds",
        "/v1/rival/../acme/kinds",
        "/v1/rival/%2e%2e/acme/kinds",
        "/v1/rival%2f..%2facme/kinds",
        "//v1/acme/kinds",
        "/v1//acme/kinds",
        "/v1/acme/kinds/",
        "/v1/acme%00/kinds",
        "/V1/acme/kinds",
        "http://elsewhere/v1/acme/kinds",
    ] {
        let (status, body) = scene.send("GET", path, Some(&stranger), "").await;
        assert!(status.is_client_error() && !body.contains("kinds\":"), "{path}: {status} {body}");
    }
}

#[tokio::test]
async fn nobody_gives_away_more_than_he_has() {
    let scene = Scene::new().await;
    let limited = scene.key("acme", &[Scope::Admin, Scope::Read], None).await;
    let (status, body) = scene.send("POST", "/v1/acme/keys", Some(&limited), r#"{"scopes": ["deploy"]}"#).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    let (status, body) = scene.send("POST", "/v1/acme/keys", Some(&limited), r#"{"scopes": ["read"]}"#).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let strong = scene.key("acme", &Scope::ALL, None).await;
    let id = scene.context.host.authenticate(&strong).unwrap().key.unwrap();
    let rotate = format!("/v1/acme/keys/{id}:rotate");
    assert_eq!(scene.send("POST", &rotate, Some(&limited), "").await.0, StatusCode::FORBIDDEN);
    // A key of another tenant is not found, whoever asks by this path.
    let elsewhere = format!("/v1/rival/keys/{id}:rotate");
    assert_eq!(scene.send("POST", &elsewhere, Some(&scene.operator), "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_grant_that_is_taken_away_stops_the_tenants_own_keys_only() {
    let scene = Scene::new().await;
    let key = scene.key("acme", &Scope::ALL, None).await;
    let change = r#"{"grants": []}"#;
    assert_eq!(scene.send("PATCH", "/v1/acme", Some(&scene.operator), change).await.0, StatusCode::OK);
    let keys = r#"{"scopes": ["read"]}"#;
    assert_eq!(scene.send("POST", "/v1/acme/keys", Some(&key), keys).await.0, StatusCode::FORBIDDEN);
    assert_eq!(scene.send("PUT", "/v1/acme/kinds/k", Some(&key), "x").await.0, StatusCode::FORBIDDEN);
    assert_eq!(scene.send("POST", "/v1/acme/keys", Some(&scene.operator), keys).await.0, StatusCode::OK);
    assert_eq!(scene.send("PUT", "/v1/acme/kinds/k", Some(&scene.operator), "x").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_act_is_in_the_audit_log_of_whom_it_concerns() {
    let scene = Scene::new().await;
    let operator = scene.context.host.authenticate(&scene.operator).unwrap().key.unwrap().to_string();
    let key = Some(scene.operator.as_str());
    scene.send("PUT", "/v1/acme", key, "{}").await;
    scene.send("POST", "/v1/acme:suspend", key, "").await;
    scene.send("POST", "/v1/acme/keys", key, r#"{"scopes": ["read"]}"#).await;
    scene.send("GET", "/v1/acme/keys", key, "").await;
    scene.send("POST", "/v1/ghost/keys", key, r#"{"scopes": ["read"]}"#).await;
    let log = async |of: &str| -> Vec<[String; 4]> {
        let (_, body) = scene.send("GET", &format!("/v1/{of}/audit"), key, "").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        let entries = body["entries"].as_array().unwrap().iter();
        entries.map(|entry| ["who", "what", "target", "result"].map(|name| text(entry, name))).collect()
    };
    let expect = |entries: &[[&str; 3]]| -> Vec<[String; 4]> {
        entries.iter().map(|[a, b, c]| [operator.clone(), (*a).to_owned(), (*b).to_owned(), (*c).to_owned()]).collect()
    };
    assert_eq!(
        log("-").await,
        expect(&[
            ["createKey", "/v1/ghost/keys", "GR0002"],
            ["suspendTenant", "/v1/acme:suspend", "done"],
            ["createTenant", "/v1/acme", "GR0105"],
        ])
    );
    assert_eq!(log("acme").await, expect(&[["createKey", "/v1/acme/keys", "done"]]));
    assert_eq!(log("rival").await, expect(&[]));
}

/// What is logged, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_key_is_in_no_log_line_no_error_and_no_audit_entry() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let scene = Scene::new().await;
    let (_, created) = scene.send("POST", "/v1/-/keys", Some(&scene.operator), r#"{"scopes": ["read"]}"#).await;
    let created: Value = serde_json::from_str(&created).unwrap();
    let key = created["key"].as_str().unwrap().to_owned();
    let mut said = String::new();
    let mistyped = key.replace("grk_", "grk_0");
    let bodies = [json!({"scopes": ["read"], "name": key}), json!({"scopes": [key]}), json!({key.as_str(): 1})];
    for (method, path, sent, body) in [
        ("GET", format!("/v1/-/keys?x={key}"), key.clone(), String::new()),
        ("GET", format!("/{key}"), key.clone(), String::new()),
        ("GET", format!("/v1/{key}/kinds"), key.clone(), String::new()),
        ("GET", "/v1/-/keys".to_owned(), mistyped, String::new()),
        ("PATCH", "/v1/acme".to_owned(), key.clone(), String::new()),
        ("POST", "/v1/-/keys".to_owned(), scene.operator.clone(), bodies[0].to_string()),
        ("POST", "/v1/-/keys".to_owned(), scene.operator.clone(), bodies[1].to_string()),
        ("POST", "/v1/-/keys".to_owned(), scene.operator.clone(), bodies[2].to_string()),
        ("GET", "/v1/-/keys".to_owned(), scene.operator.clone(), String::new()),
        ("GET", "/v1/-/audit".to_owned(), scene.operator.clone(), String::new()),
    ] {
        said += &scene.send(method, &path, Some(&sent), &body).await.1;
    }
    said += &String::from_utf8_lossy(&log.0.lock().unwrap());
    assert!(said.contains("request refused") && said.contains("createKey"), "nothing was said: {said}");
    for secret in [&key, &scene.operator] {
        assert!(!said.contains(&secret[4..20]), "{secret} in {said}");
    }
}

#[tokio::test]
async fn a_server_without_keys_serves_its_own_machine_and_no_web_page() {
    let limits = Limits { live_actors: 4, ..Limits::default() };
    let settings = HostSettings { limits, ..HostSettings::default() };
    let mut scene = Scene::new().await;
    scene.context.host = Host::builder().settings(settings).build().await.unwrap();
    let send = async |name: &str, value: &str| {
        let request = Request::builder().uri("/v1/default/kinds").header(name, value).body(Body::empty()).unwrap();
        routes::answer(scene.context.clone(), request).await.status()
    };
    for here in ["localhost:7411", "127.0.0.1:7411", "127.0.0.1", "[::1]:7411", "app.localhost"] {
        assert_eq!(send("host", here).await, StatusCode::OK, "{here}");
    }
    for elsewhere in ["evil.example:7411", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example:80", ""] {
        assert_eq!(send("host", elsewhere).await, StatusCode::FORBIDDEN, "{elsewhere}");
    }
    assert_eq!(send("origin", "http://localhost:3000").await, StatusCode::OK);
    for elsewhere in ["https://evil.example", "null"] {
        assert_eq!(send("origin", elsewhere).await, StatusCode::FORBIDDEN, "{elsewhere}");
    }
}
