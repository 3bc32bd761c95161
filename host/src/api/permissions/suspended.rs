//! The same routes on a suspended tenant, and that no route can be left out of all this.

use super::*;

/// What makes a tenant's code run or adds to it, whatever it names; the rest of its routes only look, are about its keys,
/// or need an actor (`a_suspended_tenants_actors_leave_and_its_timers_wait` has those).
const RUNS: &[&str] = &["deploy", "checkRevision", "rehearse", "activateRevision", "rollBack", "ask"];

#[tokio::test]
async fn a_suspended_tenant_can_look_and_nothing_of_it_runs() {
    let scene = Scene::new().await;
    let (own, stranger) = (scene.key("acme", &Scope::ALL, None).await, scene.key("rival", &Scope::ALL, None).await);
    let operator = scene.operator.clone();
    assert_eq!(scene.send("POST", "/v1/acme:suspend", Some(&operator), "").await.0, StatusCode::OK);
    for route in ROUTES.iter().filter(|route| matches!(need(route), Need::Own(_))) {
        for key in [&own, &operator] {
            // Revoking and rotating name a key that is not there; whoever is let in is told so.
            let (status, body) = scene.ask(route, "acme", Some(key)).await;
            if RUNS.contains(&route.name) {
                assert!(status == StatusCode::FORBIDDEN && body.contains("GR0104"), "{}: {status} {body}", route.name);
            } else {
                assert!(!is_refused(status), "{}: {status} {body}", route.name);
            }
        }
        // To a stranger it looks like any other tenant.
        let there = scene.ask(route, "acme", Some(&stranger)).await;
        let ghost = scene.ask(route, "ghost", Some(&stranger)).await;
        assert_eq!((there.0, there.1.replace("acme", "ghost")), ghost, "{}", route.name);
        assert!(there.0 == StatusCode::FORBIDDEN && !there.1.contains("GR0104"), "{}: {}", route.name, there.1);
    }
    assert_eq!(scene.send("POST", "/v1/acme:resume", Some(&operator), "").await.0, StatusCode::OK);
    assert!(!is_refused(scene.send("POST", "/v1/acme/actors/k/a/get", Some(&own), "").await.0));
}

/// A route that a file defines and nobody lists would be answered and not be tested: the sources say how many there are.
#[test]
fn no_route_is_missing_from_the_list() {
    fn definitions(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let count = |path: std::path::PathBuf| {
            if path.is_dir() {
                return definitions(&path);
            }
            let text = std::fs::read_to_string(&path).unwrap();
            text.lines().filter(|line| line.starts_with("pub(") && line.contains(" static ROUTE: Route ")).count()
        };
        entries.map(count).sum()
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    assert_eq!(definitions(&folder), ROUTES.len());
}

#[tokio::test]
async fn every_other_method_on_every_path_needs_no_less_than_the_listed_ones() {
    let scene = Scene::new().await;
    let stranger = scene.key("rival", &Scope::ALL, None).await;
    for route in ROUTES {
        for method in ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"] {
            let path = path(route, "acme");
            let (status, body) = scene.send(method, &path, Some(&stranger), "").await;
            let is_public = ROUTES.iter().any(|other| other.template == route.template && need(other) == Need::Nothing);
            let is_let_in = status.is_success() || status.is_server_error() || status == StatusCode::NOT_FOUND;
            assert!(is_public || !is_let_in, "{method} {path}: {status} {body}");
        }
    }
}
