//! A rehearsal without a server: on an export, or on a copy of a data directory.

use std::path::Path;

use super::{Arguments, Failure, Listener};
use crate::api::Problem;
use crate::cli::export::{FILE, told};
use crate::cli::files;
use crate::cli::settings::ServeSettings;
use crate::cli::store::STORE_DIR;
use crate::provider::SharedProvider;
use crate::provider::export::{ExportProvider, FrozenProvider};
use crate::provider::log::{LogProvider, LogSettings};
use crate::runtime::{AskError, Host, HostSettings, RehearsalOptions};
use crate::sandbox::CompilerProgram;
use crate::vocab::{Code, Tenant};

/// Instances there is room for: a rehearsal has one at a time.
const LIVE_ACTORS: u32 = 2;

/// Rehearses in this process. Nothing of the histories is changed; nobody is let in.
pub(super) fn rehearse(
    dir: &Path,
    arguments: &Arguments,
    tenant: &Tenant,
    component: &[u8],
    options: RehearsalOptions,
    listener: &mut Listener<'_>,
) -> Result<(), Failure> {
    let settings = settings(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Code::MachineLimit, format!("no threads: {error}")))?;
    runtime.block_on(async {
        let histories = open(dir).await?;
        let builder = Host::builder().provider(FrozenProvider::new(histories)).settings(settings);
        let host = builder.compiler(CompilerProgram::ThisProgram).build().await.map_err(failed)?;
        let mut rehearsal = host.rehearse(tenant, &arguments.kind, component, options).await.map_err(failed)?;
        while let Some(line) = rehearsal.next().await.map_err(failed)? {
            listener.hear(line)?;
        }
        Ok(())
    })
}

fn failed(error: AskError) -> Failure {
    Failure::from(Problem::from(error))
}

/// The limits of the server that the histories are of, where its configuration is given. There is nobody to be polite to.
fn settings(arguments: &Arguments) -> Result<HostSettings, Failure> {
    let mut settings = match &arguments.config {
        None => HostSettings::default(),
        Some(path) => {
            let parsed = ServeSettings::parse(&files::read_text(path)?);
            parsed.map_err(|error| Failure::new(error.code(), format!("{}: {error}", path.display())))?.host
        }
    };
    settings.limits.live_actors = LIVE_ACTORS;
    settings.rehearsal.cpu_share = 1.0;
    Ok(settings)
}

/// An export, or the store of a data directory.
async fn open(dir: &Path) -> Result<SharedProvider, Failure> {
    let export = dir.join(FILE);
    if export.is_file() {
        let opened = tokio::task::spawn_blocking(move || ExportProvider::open(&export)).await;
        return match opened {
            Ok(opened) => Ok(opened.map_err(told)?),
            Err(panic) => Err(Failure::new(Code::StoreFailed, panic.to_string())),
        };
    }
    let below = dir.join(STORE_DIR);
    let store = if below.is_dir() { below } else { dir.to_owned() };
    let has_log = std::fs::read_dir(&store).is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| file.path().extension().is_some_and(|extension| extension == "log")))
    });
    if !has_log {
        let detail = format!("{} holds neither {FILE} nor a store", dir.display());
        return Err(Failure::new(Code::FileUnreadable, detail));
    }
    let mut settings = LogSettings::new(store);
    settings.maintain = false;
    settings.prepare_ahead = false;
    match tokio::task::spawn_blocking(move || LogProvider::open(settings)).await {
        Ok(opened) => Ok(opened.map_err(told)?),
        Err(panic) => Err(Failure::new(Code::StoreFailed, panic.to_string())),
    }
}
