use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::bomb;
use super::scene::{create_tenant, metric};
use crate::setting::Stage;
use crate::tenant::{out, run};

const KNOWN: &str = "known from an earlier attempt";

#[test]
fn a_component_that_failed_is_remembered_until_it_is_forgotten() -> Result<()> {
    let mut stage = Stage::with_settings(&[], "limits.compile_ms = 1_000\n")?;
    let component = bomb::slow(3);
    let first = stage.client.deploy("one", &component)?;
    assert_eq!(first.code()?, "GR0028");
    assert!(!first.text().contains(KNOWN), "{}", first.text());

    // Another kind's name, another tenant, another run of the server.
    let other = create_tenant(&stage, "other", &[])?;
    for client in [&stage.client, &other] {
        let again = client.deploy("two", &component)?;
        assert_eq!((again.status, again.code()?.as_str()), (400, "GR0028"));
        assert!(again.text().contains(KNOWN), "{}", again.text());
    }
    stage.kill_and_restart()?;
    let began = Instant::now();
    let after = stage.client.deploy("one", &component)?;
    assert_eq!(after.code()?, "GR0028");
    assert!(after.text().contains(KNOWN) && began.elapsed() < Duration::from_millis(900), "{}", after.text());
    assert_eq!(metric(&stage.client, "greenroom_known_refusals_total", "")?, 1.0);
    assert_eq!(metric(&stage.client, "greenroom_compile_cpu_milliseconds_total", "")?, 0.0);

    let listed: Value = serde_json::from_str(&out(&run(stage.server.url(), None, &["refusals", "--json"])?)?)?;
    let refusal = listed["refusals"].get(0).with_context(|| listed.to_string())?;
    assert_eq!(refusal["code"], "GR0028");
    let lasts_ms = refusal["expires_at"].as_u64().unwrap_or(0) - refusal["at"].as_u64().unwrap_or(0);
    assert_eq!(lasts_ms, 3_600_000);
    let digest = refusal["digest"].as_str().unwrap_or_default().to_owned();
    out(&run(stage.server.url(), None, &["refusals", "forget", &digest])?)?;
    let tried = stage.client.deploy("one", &component)?;
    assert_eq!(tried.code()?, "GR0028");
    assert!(!tried.text().contains(KNOWN), "{}", tried.text());
    Ok(())
}

#[test]
fn what_can_never_work_is_remembered_without_end() -> Result<()> {
    let mut stage = Stage::empty()?;
    // It compiles, and then lacks every function of the contract.
    let component = bomb::quick(1);
    assert_eq!(stage.client.deploy("one", &component)?.code()?, "GR0027");
    stage.kill_and_restart()?;
    let again = stage.client.deploy("one", &component)?;
    assert_eq!(again.code()?, "GR0027");
    assert!(again.text().contains(KNOWN), "{}", again.text());
    let listed = out(&run(stage.server.url(), None, &["refusals"])?)?;
    assert!(listed.contains("GR0027") && listed.contains("the host changes"), "{listed}");
    Ok(())
}

#[test]
fn with_other_limits_it_is_tried_again() -> Result<()> {
    let mut stage = Stage::with_settings(&[], "limits.compile_ms = 300\n")?;
    let component = bomb::slow(4);
    assert_eq!(stage.client.deploy("one", &component)?.code()?, "GR0028");
    crate::setting::write(&stage.path("greenroom.toml"), "limits.compile_ms = 400\n")?;
    stage.stop_and_restart()?;
    let again = stage.client.deploy("one", &component)?;
    assert_eq!(again.code()?, "GR0028");
    assert!(again.text().contains("400 ms") && !again.text().contains(KNOWN), "{}", again.text());
    Ok(())
}
