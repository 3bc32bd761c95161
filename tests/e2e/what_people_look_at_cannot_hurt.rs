use anyhow::{Result, ensure};

use crate::setting::Stage;

#[test]
fn an_actor_that_cannot_be_looked_at_still_works() -> Result<()> {
    let stage = Stage::with_settings(&["hostile"], "limits.guest_call_ms = 300")?;
    for (key, code) in [("prose-in-inspect", "GR0043"), ("trap-in-inspect", "GR0040"), ("loop-in-inspect", "GR0041")] {
        stage.client.call("hostile", key, "add", "")?.ok()?;
        ensure!(stage.client.state("hostile", key, None)?.code()? == code, "the state of {key}");
        let events = stage.client.get(&format!("/v1/default/actors/hostile/{key}/events"))?;
        ensure!(!events.text().contains("\"by\":{"), "{}", events.text());
        // Who looks has an instance of his own: the actor itself is as it was.
        let total = stage.client.call("hostile", key, "add", "")?.ok()?.body;
        ensure!(total == 2_u64.to_le_bytes(), "{key}: {total:?}");
    }
    Ok(())
}

#[test]
fn an_actor_that_traps_outside_of_handle_is_told_as_such() -> Result<()> {
    let stage = Stage::with_settings(&["hostile"], "limits.guest_call_ms = 300")?;
    for (key, code) in [
        ("trap-in-start", "GR0040"),
        ("recurse-in-start", "GR0040"),
        ("loop-in-start", "GR0041"),
        ("loop-in-recovered", "GR0041"),
        ("refuse-start", "GR0045"),
        ("effect-in-start", "GR0043"),
    ] {
        let answer = stage.client.call("hostile", key, "get", "")?;
        ensure!(answer.code()? == code, "{key}: {}", answer.text());
        stage.client.call("hostile", "honest", "add", "")?.ok()?;
    }
    Ok(())
}

#[test]
fn a_hundred_mebibytes_are_refused_before_they_are_kept() -> Result<()> {
    let stage = Stage::empty()?;
    let before = resident_kib(&stage)?;
    for _ in 0..3 {
        let answer = stage.client.deploy("huge", &vec![0; 100 * 1_024 * 1_024]);
        // The server may close before all of it was sent.
        ensure!(answer.is_err() || answer?.code()? == "GR0023");
    }
    let after = resident_kib(&stage)?;
    ensure!(after < before + 48 * 1_024, "{before} KiB became {after} KiB");
    stage.client.get("/readyz")?.ok()?;
    Ok(())
}

fn resident_kib(stage: &Stage) -> Result<u64> {
    let status = crate::setting::read(format!("/proc/{}/status", stage.server.process_id()).as_ref())?;
    let status = String::from_utf8_lossy(&status).into_owned();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
