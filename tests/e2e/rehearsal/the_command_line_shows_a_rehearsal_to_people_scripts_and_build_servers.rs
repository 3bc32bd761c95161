use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::scene::version;
use crate::setting::{Stage, guest, read, server_binary, write, write_bytes};

const SETTINGS: &str = "rehearsal.cpu_share = 1.0\n";

/// A server with the kind rehearsed, and two actors.
fn stage() -> Result<Stage> {
    let stage = Stage::with_settings(&["rehearsed"], SETTINGS)?;
    stage.client.call("rehearsed", "a", "add", r#"{"by": 5}"#)?.ok()?;
    stage.client.call("rehearsed", "b", "mark", r#"{"text": "x"}"#)?.ok()?;
    Ok(stage)
}

fn candidate(stage: &Stage, name: &str) -> Result<PathBuf> {
    let file = stage.path(&format!("{name}.wasm"));
    write_bytes(&file, &version(name)?)?;
    Ok(file)
}

fn rehearse(stage: &Stage, file: &Path, more: &[&str]) -> Result<Output> {
    let mut command = Command::new(server_binary());
    command.args(["rehearse", "rehearsed"]).arg(file).args(["--url", stage.server.url()]).args(more);
    Ok(command.output()?)
}

fn lines(output: &Output) -> Result<Vec<Value>> {
    String::from_utf8(output.stdout.clone())?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[test]
fn the_exit_code_says_whether_all_are_the_same() -> Result<()> {
    let stage = stage()?;
    let same = rehearse(&stage, &candidate(&stage, "honest-too")?, &["--commands"])?;
    let text = String::from_utf8_lossy(&same.stdout).into_owned();
    ensure!(same.status.code() == Some(0) && text.contains("all the same; 2 of 2 actors"), "{same:?}");
    ensure!(text.contains("2 commands handled again: 2 the same"), "{text}");

    let junit = stage.path("report.xml");
    let path = junit.display().to_string();
    let differs = rehearse(&stage, &candidate(&stage, "doubles")?, &["--junit", &path])?;
    let text = String::from_utf8_lossy(&differs.stdout).into_owned();
    ensure!(differs.status.code() == Some(1), "{differs:?}");
    ensure!(text.contains("differs  a  as of event 1, from the first event\n  /total\n  - 5\n  + 10\n"), "{text}");
    ensure!(differs.stderr.is_empty(), "{differs:?}");
    let xml = String::from_utf8(read(&junit)?)?;
    ensure!(xml.contains(r#"tests="2" failures="2" errors="0""#) && xml.contains(r#"name="a""#), "{xml}");

    let fails = rehearse(&stage, &candidate(&stage, "cannot-mark")?, &[])?;
    let text = String::from_utf8_lossy(&fails.stdout).into_owned();
    ensure!(fails.status.code() == Some(1) && text.contains("at event 1 (marked v1): GR0046"), "{fails:?}");

    let nobody = rehearse(&stage, &candidate(&stage, "doubles")?, &["--actors", "nobody-*"])?;
    ensure!(nobody.status.code() == Some(2), "{nobody:?}");
    write(&stage.path("text.wasm"), "no component")?;
    let refused = rehearse(&stage, &stage.path("text.wasm"), &["--junit", &path])?;
    ensure!(
        refused.status.code() == Some(2) && String::from_utf8_lossy(&refused.stderr).contains("GR0020"),
        "{refused:?}"
    );
    ensure!(String::from_utf8(read(&junit)?)?.contains(r#"<error type="broken off" message="GR0020"#));
    // Nothing of it was deployed.
    let revisions = stage.client.get("/v1/default/kinds/rehearsed")?.ok()?.json()?;
    ensure!(revisions["revisions"].as_array().map(Vec::len) == Some(1), "{revisions}");
    Ok(())
}

#[test]
fn a_report_that_was_cut_off_is_gone_on_with_and_whole_again() -> Result<()> {
    let stage = stage()?;
    let file = candidate(&stage, "doubles")?;
    let whole = rehearse(&stage, &file, &["--json", "--actors", "all"])?;
    ensure!(whole.status.code() == Some(1), "{whole:?}");
    let told = lines(&whole)?;
    let first = told.iter().position(|line| line["type"] == "progress").context("no progress")?;
    ensure!(told[first]["after"] == "a", "{told:?}");
    let text = String::from_utf8(whole.stdout)?;
    let cut: Vec<&str> = text.lines().take(first + 1).collect();
    let report = stage.path("report.json");
    write(&report, &format!("{}\n{{\"type\":\"pro", cut.join("\n")))?;
    let path = report.display().to_string();
    let resumed = rehearse(&stage, &file, &["--json", "--resume", &path])?;
    ensure!(resumed.status.code() == Some(1), "what was found before counts: {resumed:?}");
    let resumed = lines(&resumed)?;
    let (was, is) = (told.last().context("empty")?, resumed.last().context("empty")?);
    for member in ["type", "actors", "same", "differs", "all_same"] {
        ensure!(was[member] == is[member], "{member}: {was} {is}");
    }
    ensure!(resumed[0]["type"] == "start" && resumed.iter().filter(|line| line["type"] == "start").count() == 1);
    ensure!(resumed.iter().filter(|line| line["type"] == "finding").count() == 1, "{resumed:?}");
    let other = rehearse(&stage, &candidate(&stage, "honest-too")?, &["--resume", &path])?;
    ensure!(other.status.code() == Some(2), "another component: {other:?}");
    Ok(())
}

#[test]
fn a_client_that_leaves_ends_its_rehearsal() -> Result<()> {
    let stage = Stage::with_settings(&["rehearsed"], "rehearsal.cpu_share = 0.001\n")?;
    for actor in 0..200 {
        stage.client.call("rehearsed", &format!("actor-{actor}"), "add", r#"{"by": 1}"#)?.ok()?;
    }
    let file = candidate(&stage, "doubles")?;
    let mut command = Command::new(server_binary());
    command.args(["rehearse", "rehearsed"]).arg(&file).args(["--url", stage.server.url(), "--json", "--actors", "all"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    ensure!(line.contains(r#""type":"start""#), "{line}");
    let refused = rehearse(&stage, &file, &[])?;
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("GR0150"), "{refused:?}");
    child.kill()?;
    child.wait()?;
    stage.wait_for("the end of a rehearsal that nobody reads", || {
        let metrics = stage.client.get("/metrics")?.ok()?;
        Ok(metrics
            .text()
            .lines()
            .any(|line| line.starts_with("greenroom_rehearsals_under_way{") && line.ends_with(" 0")))
    })?;
    let _component = guest("rehearsed")?;
    Ok(())
}
