use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenroom_host::provider::SharedProvider;
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::runtime::{ActorRef, AskError, Command, Host, HostSettings, threads};
use greenroom_host::vocab::{Address, Kind, Tenant};
use greenroom_kit::{guest, guests_dir, settings};
use tokio::runtime::{Handle, Runtime};

/// Threads as a program makes them for itself and its actors.
fn program(settings: &HostSettings) -> Result<Runtime> {
    threads(&settings.limits).build().context("no threads")
}

async fn host(provider: SharedProvider, settings: &HostSettings) -> Result<Host> {
    let builder = Host::builder().provider(provider).settings(settings.clone()).runtime(Handle::current());
    let host = builder.compile_cache(guests_dir()?.join("compiled")).build().await?;
    host.deploy(&Tenant::default_tenant(), &Kind::new("hostile")?, &guest("hostile")?).await?;
    Ok(host)
}

fn actor(host: &Host, key: &str) -> Result<ActorRef> {
    Ok(host.actor(Address::new("default", "hostile", key)?))
}

async fn add(host: &Host, key: &str) -> Result<u64> {
    let reply = actor(host, key)?.ask(Command::new("add", 1_u64.to_le_bytes().to_vec())).await?;
    Ok(u64::from_le_bytes(reply.payload.as_ref().try_into()?))
}

/// As many guests as there are threads compute without end, beside tasks of the program that want to run.
#[test]
fn guests_that_compute_do_not_keep_the_threads_from_the_programs_tasks() -> Result<()> {
    let mut settings = settings();
    settings.limits.guest_call_ms = 3_000;
    program(&settings)?.block_on(async {
        let host = host(MemoryProvider::new(), &settings).await?;
        let mut loops = tokio::task::JoinSet::new();
        for at in 0..=std::thread::available_parallelism()?.get() {
            let looping = actor(&host, &format!("loop-{at}"))?;
            loops.spawn(async move { looping.ask(Command::new("loop", Vec::new())).await });
        }
        let ticks = tokio::spawn(async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        for count in 1..=20 {
            assert_eq!(add(&host, "quick").await?, count);
        }
        ticks.await?;
        ensure!(loops.try_join_next().is_none(), "the loops ended too early to matter");
        while let Some(looped) = loops.join_next().await {
            ensure!(matches!(looped?, Err(AskError::Guest(_))));
        }
        host.shutdown(Duration::from_secs(10)).await?;
        Ok(())
    })
}

/// The threads go on when the host is dropped, the actors on them do not: the next host is alone with their journals.
#[test]
fn actors_end_with_their_host_and_come_back_with_the_next_one() -> Result<()> {
    let settings = settings();
    program(&settings)?.block_on(async {
        let provider = MemoryProvider::new();
        for life in 0..5 {
            let host = host(Arc::<MemoryProvider>::clone(&provider), &settings).await?;
            for key in ["a", "b", "c"] {
                assert_eq!(add(&host, key).await?, life + 1);
            }
        }
        host(provider, &settings).await?.shutdown(Duration::from_secs(10)).await?;
        Ok(())
    })
}
