use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use greenroom_host::vocab::Code;
use greenroom_kit::{TestHost, eventually};

use super::fair_share_scene::{host, send};
use super::scene::tenant;

/// What one live actor of the hostile guest uses.
async fn each() -> Result<u64> {
    let host = host(2, &[("hog", 100)], |_| {}).await?;
    send(&host, "hog", "a", "add").await?;
    Ok(host.host.tenant(&tenant("hog")?)?.usage.memory_bytes)
}

async fn host_for(actors: u64) -> Result<(TestHost, u64)> {
    let each = each().await?;
    let host = host(2, &[("hog", 100), ("victim", 100)], |settings| {
        settings.limits.guests_memory_bytes = actors * each;
    })
    .await?;
    Ok((host, each))
}

#[tokio::test]
async fn the_guests_of_a_host_use_as_much_memory_as_they_may_and_not_one_instance_more() -> Result<()> {
    let (host, each) = host_for(5).await?;
    let used = || -> Result<u64> { Ok(host.host.tenant(&tenant("hog")?)?.usage.memory_bytes) };
    for at in 0..5 {
        send(&host, "hog", &format!("h-{at}"), "add").await?;
    }
    ensure!(used()? == 5 * each, "exactly as much as there may be, and not {}", used()?);
    let refused = send(&host, "hog", "one-more", "add").await.map_err(|error| error.code());
    assert_eq!(refused.map(drop), Err(Code::HostMemory));
    // Whoever was called longest ago leaves for it, so that a repetition finds room.
    eventually("room", async || Ok(send(&host, "hog", "one-more", "add").await.is_ok())).await?;
    ensure!(used()? <= 5 * each);
    for at in 0..5 {
        eventually("the others", async || Ok(send(&host, "hog", &format!("h-{at}"), "add").await.is_ok())).await?;
    }
    Ok(())
}

/// One tenant has all memory and asks for more all the time. Another one comes: it gets its place, and keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_takes_all_memory_does_not_keep_others_off_the_stage() -> Result<()> {
    let (host, each) = host_for(16).await?;
    let host = Arc::new(host);
    for at in 0..16 {
        send(&host, "hog", &format!("h-{at}"), "add").await?;
    }
    let ends = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..4)
        .map(|task| {
            let (host, ends) = (Arc::clone(&host), Arc::clone(&ends));
            tokio::spawn(async move {
                let mut at = task;
                while !ends.load(Ordering::Relaxed) {
                    at = (at + 7) % 40;
                    let _refused_sometimes = send(&host, "hog", &format!("h-{at}"), "add").await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for actor in 0..6 {
        let key = format!("v-{actor}");
        eventually(&key, async || Ok(send(&host, "victim", &key, "add").await.is_ok())).await?;
    }
    // Six of sixteen are less than its half: it has them now, whatever the other one does.
    for round in 0..20 {
        for actor in 0..6 {
            let answer = send(&host, "victim", &format!("v-{actor}"), "add").await;
            ensure!(answer.is_ok(), "round {round}: {answer:?}");
        }
    }
    ends.store(true, Ordering::Relaxed);
    for hog in hogs {
        hog.await?;
    }
    let used = |name: &str| -> Result<u64> { Ok(host.host.tenant(&tenant(name)?)?.usage.memory_bytes) };
    ensure!(used("victim")? >= 6 * each && used("victim")? + used("hog")? <= 16 * each);
    Ok(())
}
