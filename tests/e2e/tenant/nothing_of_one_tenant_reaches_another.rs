use anyhow::{Result, ensure};
use greenroom_kit::{Answer, Client};

use crate::setting::{Stage, guest};

/// Stands in keys, payloads, events, states, log lines, traps and rejections of one tenant.
const SECRET: &str = "x7-secret-of-acme";

fn key(by: &Client, owner: &str, scopes: &str) -> Result<String> {
    let body = format!(r#"{{"scopes": [{scopes}], "name": "{owner}"}}"#);
    let created = by.send("POST", &format!("/v1/{owner}/keys"), body.as_bytes())?.ok()?.json()?;
    Ok(created.get("key").and_then(|key| key.as_str()).unwrap_or_default().to_owned())
}

fn holds(answer: &Answer, secret: &str) -> bool {
    let headers = answer.headers.iter().any(|(name, value)| name.contains(secret) || value.contains(secret));
    headers || answer.text().contains(secret)
}

struct Scene {
    stage: Stage,
    operator: Client,
    acme: Client,
    rival: Client,
}

impl Scene {
    /// Two tenants with the same kinds and actors of the same keys; one of them has secrets everywhere.
    fn new() -> Result<Self> {
        let stage = Stage::empty()?;
        let all = r#""call", "deploy", "read", "admin""#;
        let operator = stage.client.with_key(&key(&stage.client, "-", all)?);
        let tenant = |name: &str| -> Result<Client> {
            operator.send("PUT", &format!("/v1/{name}"), b"{}")?.ok()?;
            let client = operator.tenant(name).with_key(&key(&operator, name, all)?);
            client.deploy("probe", &guest("probe")?)?.ok()?;
            client.deploy("hostile", &guest("hostile")?)?.ok()?;
            client.call("probe", "p", "add", r#"{"by": 1}"#)?.ok()?;
            Ok(client)
        };
        let (acme, rival) = (tenant("acme")?, tenant("rival")?);
        Ok(Self { stage, operator, acme, rival })
    }

    /// Everything of acme that can hold a secret, holds one.
    fn plant(&self) -> Result<()> {
        let text = format!(r#"{{"text": "{SECRET}"}}"#);
        self.acme.call("probe", SECRET, "mark", &text)?.ok()?;
        self.acme.call("probe", "p", "mark", &text)?.ok()?;
        self.acme.call("probe", "p", "log", &text)?.ok()?;
        self.acme.call("probe", "p", "set-timer", &format!(r#"{{"timer": "{SECRET}", "in_ms": 3600000}}"#))?.ok()?;
        self.acme.operate("probe", "p", "snapshot")?.ok()?;
        let trapped = self.acme.call("hostile", "h", "trap-with", SECRET)?;
        ensure!(trapped.code()? == "GR0040" && holds(&trapped, SECRET), "its own caller reads why: {}", trapped.text());
        let unknown = self.acme.call("hostile", "h", SECRET, "")?;
        ensure!(unknown.code()? == "GR0004", "{}", unknown.text());
        let display = format!(r#"{{"display_name": "{SECRET}"}}"#);
        self.operator.send("PATCH", "/v1/acme", display.as_bytes())?.ok()?;
        let state = self.acme.state("probe", "p", None)?.ok()?;
        ensure!(holds(&state, SECRET), "nothing was planted: {}", state.text());
        Ok(())
    }
}

/// Every path that shows something, with a tenant in it.
fn paths(tenant: &str) -> Vec<String> {
    let base = format!("/v1/{tenant}");
    let actors = format!("{base}/actors/probe");
    [
        base.clone(),
        format!("{base}/keys"),
        format!("{base}/audit"),
        format!("{base}/kinds"),
        format!("{base}/kinds/probe"),
        actors.clone(),
        format!("{actors}/p"),
        format!("{actors}/p/state"),
        format!("{actors}/p/state?at=1"),
        format!("{actors}/p/events"),
        format!("{base}/actors/hostile/h"),
        format!("{base}/actors/hostile/h/state"),
        format!("{base}/no-such-path"),
    ]
    .into()
}

#[test]
fn no_answer_to_one_tenant_holds_anything_of_another() -> Result<()> {
    let scene = Scene::new()?;
    scene.plant()?;
    let everywhere = ["/v1/-/tenants", "/v1/-/audit", "/v1/-/keys", "/metrics", "/healthz", "/readyz", "/openapi.json"];
    let paths = paths("rival").into_iter().chain(paths("acme")).chain(everywhere.map(str::to_owned));
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            // Its own tenant is not to be changed by this.
            if method != "GET" && !path.contains("/acme") {
                continue;
            }
            let answer = scene.rival.send(method, &path, b"")?;
            ensure!(!holds(&answer, SECRET), "{method} {path}: {}", answer.text());
            let foreign = path.starts_with("/v1/acme") && !path.ends_with("no-such-path");
            ensure!(!foreign || answer.status == 403 || answer.status == 405, "{method} {path}: {}", answer.status);
        }
    }
    // The failures of its own code, in the same kind, under the same key, tell it about itself only.
    for (command, payload) in [("trap", ""), ("exit", ""), ("recurse", ""), ("trap-with", "mine"), (SECRET, "")] {
        let answer = scene.rival.call("hostile", "h", command, payload)?;
        ensure!(command == SECRET || !holds(&answer, SECRET), "{command}: {}", answer.text());
    }
    let state = scene.rival.state("probe", "p", None)?.ok()?.text();
    ensure!(state.contains(r#""total":1"#) && !state.contains(SECRET), "{state}");
    Ok(())
}

#[test]
fn metrics_are_the_hosts_and_name_no_key_payload_or_reason() -> Result<()> {
    let scene = Scene::new()?;
    scene.plant()?;
    for client in [&scene.acme, &scene.rival] {
        ensure!(client.get("/metrics")?.code()? == "GR0103");
    }
    let metrics = scene.operator.get("/metrics")?.ok()?;
    ensure!(metrics.text().contains(r#"tenant="acme""#), "acme is not in the metrics");
    ensure!(!holds(&metrics, SECRET), "{}", metrics.text());
    Ok(())
}

#[test]
fn a_log_line_about_one_tenant_is_not_labelled_with_another() -> Result<()> {
    let scene = Scene::new()?;
    scene.plant()?;
    scene.rival.call("hostile", "h", "trap-with", "rivals-own-reason")?;
    scene.rival.call("probe", "p", "log", r#"{"text": "rivals-own-line"}"#)?.ok()?;
    let says = |text: &str| scene.stage.server.log().contains(text);
    scene.stage.wait_for("both lines", || Ok(says("rivals-own-line") && says(SECRET)))?;
    for line in scene.stage.server.log().lines() {
        let (of_acme, of_rival) = (line.contains(SECRET), line.contains("rivals-own"));
        ensure!(!(of_acme && line.contains("rival")), "{line}");
        ensure!(!(of_rival && line.contains("acme")), "{line}");
        ensure!(!of_acme || line.contains("acme"), "a line does not say whose it is: {line}");
    }
    Ok(())
}

#[test]
fn an_actor_cannot_send_to_another_tenant() -> Result<()> {
    let scene = Scene::new()?;
    scene.acme.call("hostile", "k", "add", "")?.ok()?;
    let before = scene.acme.status("hostile", "k")?.sequence;
    for (number, tenant) in ["acme", "default", "nobody", "-", "ACME", ""].into_iter().enumerate() {
        // Another sender each time: one that fails again and again is quarantined.
        let answer = scene.rival.call("hostile", &format!("sender-{number}"), "tell-tenant", tenant)?;
        ensure!(answer.code()? == "GR0043", "{tenant}: {}", answer.text());
    }
    // To its own tenant it can: the same command, so that the refusals above are not for something else.
    scene.rival.call("hostile", "sender", "tell-tenant", "rival")?.ok()?;
    let delivered = || Ok(scene.rival.send("GET", "/v1/rival/actors/hostile/k", b"")?.status == 200);
    scene.stage.wait_for("the tell in its own tenant", delivered)?;
    ensure!(scene.acme.status("hostile", "k")?.sequence == before, "something arrived");
    Ok(())
}
