//! A hostile client: draws from the mix, and insists on the right refusal.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use greenroom_kit::{Answer, Client};

use super::Tally;
use super::mix::{COMMANDS, Command, FAILURES, KEYS, PUT_OFF, REQUESTS, UPLOADS};
use crate::setting::guest;

/// Actors that all clients of a tenant share, so that failures meet commands that wait behind them.
const SHARED_ACTORS: u64 = 16;

/// Ways in which an actor can be treated that fails outside of `handle`.
const WAYS: usize = 5;

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound).unwrap_or(0)
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> Result<&'a T> {
        list.get(self.below(list.len())).context("an empty list")
    }
}

/// Sends calls until none is left.
pub(super) fn call(client: &Client, number: u64, left: &AtomicU64, tally: &Tally) -> Result<()> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (number + 1));
    let uploads = uploads()?;
    while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
        match dice.below(100) {
            0..75 => misbehave(client, &mut dice, number, tally)?,
            75..90 => misbehave_elsewhere(client, &mut dice)?,
            90..98 => {
                let (method, path, body, codes) = dice.one_of(REQUESTS)?;
                let path = path.replace("{own}", client.tenant_name());
                check(&path, &client.send(method, &path, body)?, codes)?;
            }
            _ => {
                let (name, bytes, codes) = dice.one_of(&uploads)?;
                check(name, &client.deploy("upload", bytes)?, codes)?;
            }
        }
        tally.hostile.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Everything that there is, once: each command to a shared actor and to one of its own, each key in every way, each
/// request, each file. Several clients take turns.
pub(super) fn everything(client: &Client, part: (usize, usize), round: u64, tally: &Tally) -> Result<()> {
    let (own, clients) = part;
    let mine = |index: &usize| index % clients == own;
    for index in (0..COMMANDS.len()).filter(mine) {
        let command = COMMANDS.get(index).context("no command")?;
        for actor in [format!("shared-{}", index % 4), format!("own-{round}-{index}")] {
            let answer = client.call("hostile", &actor, command.name, command.payload)?;
            check(command.name, &answer, command.codes)?;
            tally.hostile.fetch_add(1, Ordering::SeqCst);
        }
    }
    for index in (0..KEYS.len() * WAYS).filter(mine) {
        let key = KEYS.get(index / WAYS).context("no key")?;
        treat(client, key, index % WAYS)?;
        tally.hostile.fetch_add(1, Ordering::SeqCst);
    }
    for index in (0..REQUESTS.len()).filter(mine) {
        let (method, path, body, codes) = REQUESTS.get(index).context("no request")?;
        let path = path.replace("{own}", client.tenant_name());
        check(&path, &client.send(method, &path, body)?, codes)?;
        tally.hostile.fetch_add(1, Ordering::SeqCst);
    }
    for (_, (name, bytes, codes)) in uploads()?.iter().enumerate().filter(|(index, _)| mine(index)) {
        check(name, &client.deploy("upload", bytes)?, codes)?;
        tally.hostile.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// A command that fails in `handle`.
fn misbehave(client: &Client, dice: &mut Dice, number: u64, tally: &Tally) -> Result<()> {
    let command = draw(dice)?;
    let actor = match dice.below(2) {
        0 => format!("shared-{}", u64::try_from(dice.below(64))? % SHARED_ACTORS),
        _ => format!("fresh-{number}-{}", tally.hostile.load(Ordering::SeqCst)),
    };
    let answer = client.call("hostile", &actor, command.name, command.payload)?;
    check(command.name, &answer, command.codes)
}

fn draw(dice: &mut Dice) -> Result<&'static Command> {
    let all: u32 = COMMANDS.iter().map(|command| command.share).sum();
    let mut at = u32::try_from(dice.below(usize::try_from(all)?))?;
    for command in COMMANDS {
        if at < command.share {
            return Ok(command);
        }
        at -= command.share;
    }
    anyhow::bail!("the shares do not add up")
}

/// Something to do with an actor that fails outside of `handle`.
fn misbehave_elsewhere(client: &Client, dice: &mut Dice) -> Result<()> {
    let key = *dice.one_of(KEYS)?;
    // Twice as often as anything else: it is sent something that it appends.
    treat(client, key, dice.below(WAYS + 1) % WAYS)
}

/// One of the ways in which an actor can be treated that fails outside of `handle`.
fn treat(client: &Client, key: &str, way: usize) -> Result<()> {
    let answer = match way {
        0 => client.call("hostile", key, "add", "")?,
        1 => client.call("hostile", key, "get", "")?,
        2 => client.operate("hostile", key, "passivate")?,
        3 => client.operate("hostile", key, "snapshot")?,
        _ => client.state("hostile", key, None)?,
    };
    if (200..300).contains(&answer.status) { Ok(()) } else { check(key, &answer, FAILURES) }
}

/// The answer is a success where no code is expected, else a problem with one of the codes.
fn check(what: &str, answer: &Answer, codes: &[&str]) -> Result<()> {
    if (200..300).contains(&answer.status) {
        ensure!(codes.is_empty(), "{what} was answered {} {}", answer.status, answer.text());
        return Ok(());
    }
    let code = answer.code().with_context(|| format!("{what} was answered with no problem document"))?;
    let expected = codes.contains(&code.as_str()) || PUT_OFF.contains(&code.as_str());
    ensure!(expected, "{what} was answered {} {}", answer.status, answer.text());
    Ok(())
}

/// A name, the bytes and the codes.
type Upload = (&'static str, Vec<u8>, &'static [&'static str]);

fn uploads() -> Result<Vec<Upload>> {
    let good = guest("hostile")?;
    let made = UPLOADS.iter().map(|(name, codes)| {
        let bytes = match *name {
            "text" => b"#!/bin/sh\necho hello".to_vec(),
            "core-module" => b"\0asm\x01\0\0\0".to_vec(),
            "zeros" => vec![0; 33 * 1_024 * 1_024],
            _ => good.get(..good.len() / 2).unwrap_or_default().to_vec(),
        };
        (*name, bytes, *codes)
    });
    Ok(made.collect())
}
