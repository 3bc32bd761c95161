//! `greenroom key create`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{Client, Failure, Global, Output, Whose, created};
use crate::api::Problem;
use crate::cli::client::Answer;
use crate::cli::{store, views};
use crate::provider::log::LogSettings;
use crate::runtime::{Durability, KeyRequest, create_operator_key};
use crate::vocab::{Code, Owner, Scope, Scopes, SystemClock};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    whose: Whose,
    /// What it may be used for, joined by commas: call, deploy, read, admin; with --operator, else all
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// What it is for, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    name: String,
    /// How long it is valid; else it does not end
    #[arg(long, value_name = "DAYS")]
    days: Option<u64>,
    /// Write it into this data directory, which no server has open: for the first key, and when all are lost
    #[arg(long, value_name = "DIR", requires = "operator")]
    data: Option<PathBuf>,
}

const DAY_S: u64 = 86_400;

pub(super) fn run(
    arguments: &Arguments,
    global: &Global,
    client: impl Fn() -> Result<Client, Failure>,
    output: &Output,
) -> Result<(), Failure> {
    let owner = arguments.whose.owner(global);
    let scopes: Scopes = match (&owner, arguments.scopes.as_slice()) {
        (Owner::Host, []) => Scope::ALL.into(),
        (Owner::Tenant(_), []) => {
            let detail = "say what the key is for: --scopes call,read (there are call, deploy, read and admin)";
            return Err(Failure::new(Code::InvalidRequest, detail));
        }
        (_, scopes) => scopes.iter().copied().collect(),
    };
    let expires_in_s = arguments.days.map(|days| days.saturating_mul(DAY_S));
    let wanted = KeyRequest { name: arguments.name.clone(), scopes, expires_in_s };
    let answer = match &arguments.data {
        Some(data) => offline(data, &wanted)?,
        None => client()?.post(&format!("{owner}/keys"), Some(&json!(wanted)))?,
    };
    created(&answer, output)
}

/// The same in a store that no server has open.
fn offline(data: &std::path::Path, wanted: &KeyRequest) -> Result<Answer<views::NewKey>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Code::MachineLimit, error.to_string()))?;
    let created = runtime.block_on(async {
        let store = store::open(data, LogSettings::default(), Durability::Sync).await?;
        let created = create_operator_key(Arc::clone(&store), Arc::new(SystemClock), wanted).await;
        let closed = store.close().await;
        let created = created.map_err(|error| Failure::from(Problem::from(error)))?;
        closed.map_err(|error| Failure::new(error.code(), error.to_string()))?;
        Ok::<_, Failure>(created)
    })?;
    let mut raw = json!(created.view);
    if let Some(members) = raw.as_object_mut() {
        members.insert("key".to_owned(), json!(created.text.expose()));
    }
    let raw = raw.to_string();
    let view = serde_json::from_str(&raw).map_err(|error| Failure::new(Code::InvalidRequest, error.to_string()))?;
    Ok(Answer { raw, view })
}
