//! `greenroom tenant show NAME`

use clap::Args;

use super::{Client, Failure, Output, tenant};
use crate::cli::output::{size, table};
use crate::cli::time::utc;
use crate::cli::views;
use crate::vocab::{Limit, Quota, Tenant};

/// How wide the bar of a quota that is used up is.
const BAR_WIDTH: u64 = 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which tenant
    #[arg(value_parser = tenant)]
    name: Tenant,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    show(&client.read(&arguments.name.to_string(), &[])?, output)
}

/// A tenant for people, or the server's own JSON.
pub(super) fn show(answer: &crate::cli::client::Answer<views::Tenant>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.line(&answer.raw);
    }
    output.line(&text(&answer.view))
}

fn text(tenant: &views::Tenant) -> String {
    let own: Vec<String> = tenant.limits.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let lines = [
        format!("tenant   {}", tenant.tenant),
        format!("name     {}", tenant.display_name),
        format!("state    {}", if tenant.suspended { "suspended" } else { "active" }),
        format!("weight   {}", tenant.weight),
        format!("grants   {}", if tenant.grants.is_empty() { "none".to_owned() } else { tenant.grants.join(", ") }),
        format!("limits   {}", if own.is_empty() { "the host's".to_owned() } else { own.join(", ") }),
        format!("created  {}", utc(tenant.created_at)),
        String::new(),
        table(["QUOTA", "USED", "OF", ""], &quotas(tenant)),
        String::new(),
        table(["LIMIT OF EACH ACTOR", "VALUE", "WHOSE"], &limits(tenant)),
    ];
    lines.join("\n")
}

fn quotas(tenant: &views::Tenant) -> Vec<[String; 4]> {
    let row = |quota: &Quota| {
        let (name, unit) = (quota.as_str(), quota.unit());
        let used = tenant.usage.get(name).copied().flatten();
        let most = tenant.quotas.get(name).copied();
        [
            name.to_owned(),
            used.map_or_else(|| "not counted".to_owned(), |used| amount(used, unit)),
            most.map_or_else(|| "no quota".to_owned(), |most| amount(most, unit)),
            most.zip(used).map_or_else(String::new, |(most, used)| bar(used, most)),
        ]
    };
    Quota::ALL.iter().map(row).collect()
}

fn limits(tenant: &views::Tenant) -> Vec<[String; 3]> {
    let differing = Limit::ALL.iter().filter(|limit| limit.can_differ());
    let row = |limit: &Limit| {
        let name = limit.as_str();
        let value = tenant.effective_limits.get(name)?;
        let whose = if tenant.limits.contains_key(name) { "its own" } else { "the host's" };
        Some([name.to_owned(), amount(*value, limit.info().unit), whose.to_owned()])
    };
    differing.filter_map(row).collect()
}

/// A number with its unit, as people say it.
fn amount(value: u64, unit: &str) -> String {
    match unit {
        "bytes" => size(value),
        "bytes/s" => format!("{}/s", size(value)),
        "bytes/h" => format!("{}/h", size(value)),
        unit => format!("{value} {unit}"),
    }
}

/// How much of a quota is used: `######--------------  30 %`.
fn bar(used: u64, most: u64) -> String {
    let part = |of: u64| u128::from(used).saturating_mul(of.into()).checked_div(most.into()).unwrap_or(of.into());
    let percent = part(100);
    // What is used at all shows, and full is what is full.
    let filled = part(BAR_WIDTH).min(BAR_WIDTH.into()).max(u128::from(used > 0));
    let filled = usize::try_from(filled).unwrap_or(0);
    let rest = usize::try_from(BAR_WIDTH).unwrap_or(0).saturating_sub(filled);
    format!("{}{} {percent:>3} %", "#".repeat(filled), "-".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tenant() -> views::Tenant {
        let view = json!({
            "tenant": "acme", "display_name": "Acme", "weight": 5, "suspended": false, "created_at": 0,
            "quotas": {"kinds": 4, "memory_bytes": 1_048_576, "live_actors": 3},
            "grants": ["deploy"],
            "limits": {"reply_bytes": 2_048},
            "effective_limits": {"reply_bytes": 2_048, "guest_call_ms": 1_000, "live_actors": 10_000},
            "usage": {"kinds": 1, "component_bytes": 2_048, "actors": null, "live_actors": 3, "memory_bytes": 1_000}
        });
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn what_is_used_of_each_quota_is_drawn() {
        let text = text(&tenant());
        for line in [
            "limits   reply_bytes=2048",
            "kinds                   1 kinds      4 kinds   #####---------------  25 %",
            "component_bytes         2.0 KiB      no quota",
            "actors                  not counted  no quota",
            "live_actors             3 actors     3 actors  #################### 100 %",
            "memory_bytes            1000 B       1.0 MiB   #-------------------   0 %",
            "guest_call_ms        1000 ms  the host's",
            "reply_bytes          2.0 KiB  its own",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
        }
        assert!(!text.contains("10000"), "limits of the host as a whole are not the tenant's:\n{text}");
    }

    #[test]
    fn a_bar_is_never_longer_than_it_is() {
        assert_eq!(bar(0, 10), "--------------------   0 %");
        assert_eq!(bar(15, 10), "#################### 150 %");
        assert_eq!(bar(u64::MAX, u64::MAX), "#################### 100 %");
        assert_eq!(bar(1, 0), "#################### 100 %");
    }
}
