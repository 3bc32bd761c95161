//! `greenroom tenant …`: one file per verb.

mod change;
mod create;
mod delete;
mod list;
mod resume;
mod suspend;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::time::utc;
use super::views;
use crate::vocab::{Grant, Quota, Tenant};

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
    /// Change a tenant's name for people, weight, quotas or grants
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
    /// A quota: commands_per_second, kinds, component_bytes or actors; `none` takes it away
    #[arg(long = "quota", value_name = "NAME=N", value_parser = quota)]
    quotas: Vec<(Quota, Option<u64>)>,
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
        if let Some(GrantList(grants)) = &self.grants {
            body.insert("grants".to_owned(), json!(grants));
        }
        Value::Object(body)
    }
}

fn quota(text: &str) -> Result<(Quota, Option<u64>), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=N, like kinds=3")?;
    let quota = name.parse()?;
    if value == "none" {
        return Ok((quota, None));
    }
    let value = value.parse().map_err(|_| format!("{value} is neither a whole number nor none"))?;
    Ok((quota, Some(value)))
}

fn grants(text: &str) -> Result<GrantList, String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
    let names: Result<Vec<&'static str>, String> = names.map(|name| name.parse().map(Grant::as_str)).collect();
    names.map(GrantList)
}

fn tenant(text: &str) -> Result<Tenant, crate::vocab::AddressError> {
    Tenant::new(text)
}

/// A tenant for people, or the server's own JSON.
fn show(answer: &super::client::Answer<views::Tenant>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let tenant = &answer.view;
    let quotas: Vec<String> = tenant.quotas.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let actors = tenant.usage.actors.map_or_else(String::new, |actors| format!(", {actors} actors"));
    let lines = [
        format!("tenant   {}", tenant.tenant),
        format!("name     {}", tenant.display_name),
        format!("state    {}", if tenant.suspended { "suspended" } else { "active" }),
        format!("weight   {}", tenant.weight),
        format!("quotas   {}", joined(&quotas)),
        format!("grants   {}", joined(&tenant.grants)),
        format!("has      {} kinds, {}{actors}", tenant.usage.kinds, super::output::size(tenant.usage.component_bytes)),
        format!("created  {}", utc(tenant.created_at)),
    ];
    output.line(&lines.join("\n"))
}

fn joined(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_and_grants_are_read_and_typing_errors_are_named() {
        assert_eq!(quota("kinds=3"), Ok((Quota::Kinds, Some(3))));
        assert_eq!(quota("actors=none"), Ok((Quota::Actors, None)));
        assert!(quota("kind=3").unwrap_err().contains("commands_per_second"));
        assert!(quota("kinds").is_err() && quota("kinds=-1").is_err());
        assert_eq!(grants("deploy, keys").unwrap().0, ["deploy", "keys"]);
        assert!(grants("none").unwrap().0.is_empty());
        assert!(grants("all").is_err());
    }
}
