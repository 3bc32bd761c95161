//! `greenroom tenant list [NAME]`

use clap::Args;

use super::{Client, Failure, Output, show, tenant};
use crate::cli::views;
use crate::vocab::Tenant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// This one only, with all that is known of it
    #[arg(value_parser = tenant)]
    name: Option<Tenant>,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    if let Some(name) = &arguments.name {
        return show(&client.read(&name.to_string(), &[])?, output);
    }
    let answer = client.read::<views::Tenants>("-/tenants", &[])?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let rows: Vec<_> = answer.view.tenants.iter().map(row).collect();
    output.table(["TENANT", "NAME", "STATE", "WEIGHT", "KINDS"], &rows)
}

fn row(tenant: &views::Tenant) -> [String; 5] {
    [
        tenant.tenant.clone(),
        tenant.display_name.clone(),
        if tenant.suspended { "suspended" } else { "active" }.to_owned(),
        tenant.weight.to_string(),
        tenant.usage.get("kinds").copied().flatten().unwrap_or(0).to_string(),
    ]
}
