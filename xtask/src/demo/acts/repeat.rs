//! Whoever got no answer repeats the command under the same key: none is lost, none is applied twice.

use anyhow::{Context, Result};

use crate::demo::ledger::{Account, Command};
use crate::demo::load::{KIND, Watch, get, increment, send, value};
use crate::demo::play::Play;
use crate::demo::screen::grouped;

/// How many acknowledged commands of each counter are repeated too.
const REPEATED: usize = 50;

/// Repeats what has no answer, then what has one, then sends the rest of the load.
pub(crate) fn play(play: &mut Play<'_>, rest: &[Command]) -> Result<()> {
    play.screen.act("Repeats under the same idempotency keys: exactly once");
    repeat_unanswered(play)?;
    repeat_answered(play)?;
    send_the_rest(play, rest)
}

fn repeat_unanswered(play: &mut Play<'_>) -> Result<()> {
    let mut applied_before = 0;
    let mut repeated = 0;
    for account in &mut play.accounts {
        let before = get(&play.client, &account.key)?;
        for number in account.unacknowledged() {
            let reply = value(increment(&play.client, &account.key, number)?)?;
            account.note(number, Some(reply));
            applied_before += u64::from(reply <= before);
            repeated += 1;
        }
    }
    play.screen
        .say(&format!("{repeated} commands had no answer; {applied_before} of them had been stored before the kill"));
    prove_once(play, "every counter equals what was sent to it")
}

fn repeat_answered(play: &mut Play<'_>) -> Result<()> {
    let mut repeated = 0;
    for account in &play.accounts {
        for (number, first) in account.newest(REPEATED) {
            let again = value(increment(&play.client, &account.key, number)?)?;
            if again != first {
                let sentence =
                    format!("command {number} of {} replied {first}, and {again} when repeated", account.key);
                play.screen.prove(false, &sentence)?;
            }
            repeated += 1;
        }
    }
    prove_once(
        play,
        &format!("{repeated} acknowledged commands, repeated, got their first replies and changed nothing"),
    )
}

fn send_the_rest(play: &mut Play<'_>, rest: &[Command]) -> Result<()> {
    let bar = play.screen.bar(rest.len() as u64);
    send(&play.client, play.size.clients, rest, &mut play.accounts, |acknowledged| {
        bar.set(acknowledged);
        Ok(Watch::GoOn)
    })?;
    drop(bar);
    let total = play.size.commands;
    let sentence = format!("the load goes on to its end: {} increments, each applied once", grouped(total));
    if play.total(Account::sent) != total {
        play.screen.prove(false, &format!("{} commands were sent, not {total}", play.total(Account::sent)))?;
    }
    prove_once(play, &sentence)?;
    play.rows.push(("applied in the end", format!("{} of {}, each once", grouped(total), grouped(total))));
    Ok(())
}

/// Every counter's value, its journal and its replies say: each command that was sent is applied once.
fn prove_once(play: &mut Play<'_>, sentence: &str) -> Result<()> {
    let mut holds = true;
    for account in &play.accounts {
        let status = play.client.status(KIND, &account.key).context("no status")?;
        let recovered = get(&play.client, &account.key)?;
        holds &= recovered == account.sent() && status.sequence == account.sent() && account.is_each_applied_once();
    }
    play.screen.prove(holds, sentence)
}
