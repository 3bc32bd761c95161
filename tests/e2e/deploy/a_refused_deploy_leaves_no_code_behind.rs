use std::path::Path;

use anyhow::{Result, ensure};
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::runtime::{AskError, Command, Host};
use greenroom_host::vocab::{Address, Code, Kind, Tenant};
use greenroom_kit::{guest, settings};

fn files_of_code(directory: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(directory)? {
        count += usize::from(entry?.path().extension().is_some_and(|extension| extension == "cwasm"));
    }
    Ok(count)
}

async fn deploy(host: &Host, kind: &str, name: &str) -> Result<Result<(), AskError>> {
    let (kind, component) = (Kind::new(kind)?, guest(name)?);
    Ok(host.deploy(&Tenant::default_tenant(), &kind, &component).await.map(drop))
}

/// What was compiled for nothing is not kept, and what is accepted later is.
#[tokio::test]
async fn a_refused_deploy_leaves_no_code_behind() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let store = MemoryProvider::new();
    let builder = Host::builder().provider(store).settings(settings());
    let host = builder.compile_cache(directory.path().to_owned()).build().await?;
    deploy(&host, "probe", "probe").await??;
    ensure!(files_of_code(directory.path())? == 1);
    // What the counter does not know.
    let actor = host.actor(Address::new("default", "probe", "a")?);
    actor.ask(Command::new("add", br#"{"by": 1}"#.to_vec())).await?;
    let refused = deploy(&host, "probe", "counter").await?.map_err(|error| error.code());
    ensure!(refused == Err(Code::IncompatibleRevision), "{refused:?}");
    ensure!(files_of_code(directory.path())? == 1, "code of a component that nobody deployed");
    deploy(&host, "counter", "counter").await??;
    ensure!(files_of_code(directory.path())? == 2, "code that was in memory already is kept, too");
    Ok(())
}
