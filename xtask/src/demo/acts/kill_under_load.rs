//! Concurrent clients send commands; in the middle, the server is killed.

use anyhow::{Context, Result};

use crate::demo::ledger::{Account, Command};
use crate::demo::load::{KIND, Watch, send};
use crate::demo::play::Play;
use crate::demo::screen::grouped;

/// Sends commands until more than half are acknowledged, then kills the server. The commands that were not sent.
pub(crate) fn play<'a>(play: &mut Play<'_>, commands: &'a [Command]) -> Result<&'a [Command]> {
    play.screen.act("A load of commands, and SIGKILL in the middle of it");
    let (total, clients) = (play.size.commands, play.size.clients);
    play.screen.say(&format!(
        "{clients} clients send {} increments to {} counters, each under an idempotency key",
        grouped(total),
        play.accounts.len()
    ));
    let (snapshot_at, kill_at) = (total / 3, total * 3 / 5);
    let hot = play.accounts.first().context("no counter")?.key.clone();
    let bar = play.screen.bar(total);
    let mut snapshot = None;
    let (client, backstage) = (&play.client, play.backstage);
    let rest = send(client, clients, commands, &mut play.accounts, |acknowledged| {
        bar.set(acknowledged);
        if snapshot.is_none() && acknowledged >= snapshot_at {
            snapshot = Some(client.operate(KIND, &hot, "snapshot")?.ok()?);
        }
        if acknowledged < kill_at {
            return Ok(Watch::GoOn);
        }
        backstage.kill()?;
        Ok(Watch::ServerGone)
    })?;
    drop(bar);

    let (sent, acknowledged) = (play.total(Account::sent), play.total(Account::acknowledged));
    play.screen.prove(snapshot.is_some(), &format!("an operator took a snapshot of {hot} while the load went on"))?;
    let killed = format!("killed: {} sent, {} of them acknowledged", grouped(sent), grouped(acknowledged));
    play.screen.prove(acknowledged >= kill_at && !rest.is_empty(), &killed)?;
    play.rows.push(("sent before the kill", format!("{} ({})", grouped(sent), play.each(Account::sent))));
    play.rows.push(("acknowledged", format!("{} ({})", grouped(acknowledged), play.each(Account::acknowledged))));
    Ok(rest)
}
