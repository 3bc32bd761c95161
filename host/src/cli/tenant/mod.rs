//! `greenroom tenant …`: one file per verb.

mod change;
mod create;
mod delete;
mod list;
mod resume;
mod show;
mod suspend;

use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use crate::vocab::{Grant, Limit, Quota, Tenant};
use show::show;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create a tenant
    Create(create::Arguments),
    /// List the tenants, or show one
    List(list::Arguments),
    /// Show a tenant: its quotas and how much of them is used, the limits of its actors
    Show(show::Arguments),
    /// Change a tenant's name for people, weight, quotas, limits or grants
    Change(change::Arguments),
    /// Refuse a tenant's calls and deploys; its data stays and can be read
    Suspend(suspend::Arguments),
    /// End a suspension
    Resume(resume::Arguments),
    /// Delete a tenant and what it has
    Delete(delete::Arguments),
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Create(arguments) => create::run(arguments, client, output),
        Verb::List(arguments) => list::run(arguments, client, output),
        Verb::Show(arguments) => show::run(arguments, client, output),
        Verb::Change(arguments) => change::run(arguments, client, output),
        Verb::Suspend(arguments) => suspend::run(arguments, client, output),
        Verb::Resume(arguments) => resume::run(arguments, client, output),
        Verb::Delete(arguments) => delete::run(arguments, client, output),
    }
}

/// What a tenant may have.
#[derive(Debug, Args)]
struct Properties {
    /// The name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// The share beside other tenants, 1 to 1000; 100 is usual
    #[arg(long, value_name = "N")]
    weight: Option<u32>,
    /// A quota (docs/limits.md lists them); `none` takes it away
    #[arg(long = "quota", value_name = "NAME=N", value_parser = quota)]
    quotas: Vec<(Quota, Option<u64>)>,
    /// A limit of each of its actors (docs/limits.md lists them), up to the host's ceiling; `none`: the host's again
    #[arg(long = "limit", value_name = "NAME=N", value_parser = limit)]
    limits: Vec<(Limit, Option<u64>)>,
    /// What the tenant's own keys may do: deploy, keys, or both joined by a comma; `none` for nothing
    #[arg(long, value_name = "LIST", value_parser = grants)]
    grants: Option<GrantList>,
}

/// What was typed behind `--grants`.
#[derive(Debug, Clone)]
struct GrantList(Vec<&'static str>);

impl Properties {
    fn body(&self) -> Value {
        let mut body = Map::new();
        if let Some(name) = &self.display_name {
            body.insert("display_name".to_owned(), json!(name));
        }
        if let Some(weight) = self.weight {
            body.insert("weight".to_owned(), json!(weight));
        }
        if !self.quotas.is_empty() {
            let quotas = self.quotas.iter().map(|(quota, value)| (quota.as_str().to_owned(), json!(value)));
            body.insert("quotas".to_owned(), Value::Object(quotas.collect()));
        }
        if !self.limits.is_empty() {
            let limits = self.limits.iter().map(|(limit, value)| (limit.as_str().to_owned(), json!(value)));
            body.insert("limits".to_owned(), Value::Object(limits.collect()));
        }
        if let Some(GrantList(grants)) = &self.grants {
            body.insert("grants".to_owned(), json!(grants));
        }
        Value::Object(body)
    }
}

fn quota(text: &str) -> Result<(Quota, Option<u64>), String> {
    named(text, "kinds=3")
}

fn limit(text: &str) -> Result<(Limit, Option<u64>), String> {
    let (limit, value) = named::<Limit>(text, "reply_bytes=4096")?;
    if !limit.can_differ() {
        return Err(format!("{limit} is a limit of the host as a whole and cannot differ"));
    }
    Ok((limit, value))
}

fn named<T: FromStr<Err = String>>(text: &str, example: &str) -> Result<(T, Option<u64>), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("write it as NAME=N, like {example}"))?;
    let name = name.parse()?;
    if value == "none" {
        return Ok((name, None));
    }
    let value = value.parse().map_err(|_| format!("{value} is neither a whole number nor none"))?;
    Ok((name, Some(value)))
}

fn grants(text: &str) -> Result<GrantList, String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
    let names: Result<Vec<&'static str>, String> = names.map(|name| name.parse().map(Grant::as_str)).collect();
    names.map(GrantList)
}

fn tenant(text: &str) -> Result<Tenant, crate::vocab::AddressError> {
    Tenant::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_limits_and_grants_are_read_and_typing_errors_are_named() {
        assert_eq!(quota("kinds=3"), Ok((Quota::Kinds, Some(3))));
        assert_eq!(quota("actors=none"), Ok((Quota::Actors, None)));
        assert!(quota("kind=3").unwrap_err().contains("commands_per_second"));
        assert!(quota("kinds").is_err() && quota("kinds=-1").is_err());
        assert_eq!(grants("deploy, keys").unwrap().0, ["deploy", "keys"]);
        assert!(grants("none").unwrap().0.is_empty());
        assert!(grants("all").is_err());
        assert_eq!(limit("reply_bytes=7"), Ok((Limit::ReplyBytes, Some(7))));
        assert_eq!(limit("reply_bytes=none"), Ok((Limit::ReplyBytes, None)));
        assert!(limit("live_actors=7").unwrap_err().contains("host"));
        assert!(limit("reply_byte=7").is_err() && limit("reply_bytes=x").is_err());
    }
}
