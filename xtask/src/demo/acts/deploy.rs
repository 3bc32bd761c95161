//! A server starts, two kinds of actors are deployed over HTTP.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::demo::play::Play;
use crate::demo::screen::in_words;

/// Starts the server and uploads the components.
pub(crate) fn play(play: &mut Play<'_>) -> Result<()> {
    play.screen.act("A server, and two kinds of actors deployed over HTTP");
    let began = Instant::now();
    play.client = play.backstage.start()?;
    let ready = play.client.get("/readyz")?;
    let sentence = format!("the server is ready after {}, on an empty store", in_words(began.elapsed()));
    play.screen.prove(ready.status == 200, &sentence)?;
    for kind in ["counter", "account"] {
        deploy(play, kind)?;
    }
    Ok(())
}

fn deploy(play: &mut Play<'_>, kind: &str) -> Result<()> {
    let file = play.guests_dir.join(format!("{kind}.wasm"));
    let component = read(&file).with_context(|| format!("{} could not be read", file.display()))?;
    let began = Instant::now();
    let revision = play.client.deploy(kind, &component)?.ok()?.json()?;
    let took = in_words(began.elapsed());
    let number = revision.get("revision").and_then(Value::as_u64);
    let kib = component.len().div_ceil(1_024);
    let sentence =
        format!("{kind} is deployed as revision 1: a component of {kib} KiB, checked and compiled in {took}");
    play.screen.prove(number == Some(1), &sentence)
}

#[expect(clippy::disallowed_methods, reason = "a component, not one of the host's durable files")]
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    fs::read(file)
}
