use anyhow::Result;
use greenroom_host::vocab::{Code, Owner};
use greenroom_kit::Call;

use super::scene::{FAILURES_MAX, add, get, hostile, refused};

const POISONED: usize = 1_000;

/// L35, L43: each is tried a bounded number of times, then its callers, however many, cost no recovery and no look into
/// the store; the honest actor is live all the time and answers right.
#[tokio::test]
async fn a_thousand_poison_actors_cost_their_neighbours_nothing() -> Result<()> {
    let host = hostile().await?;
    add(&host, "honest", 1).await?;
    let mut total = 1;
    for n in 0..POISONED {
        for _ in 0..FAILURES_MAX {
            assert_eq!(refused(&host, &format!("poison-{n}"), "trap").await?, Code::GuestTrapped);
        }
        if n % 50 == 0 {
            total += 1;
            assert_eq!(add(&host, "honest", 1).await?, total);
        }
    }
    let honest = host.id("honest")?;
    let recoveries =
        |of_honest: bool| host.store.count(|call| matches!(call, Call::Head(id) if (*id == honest) == of_honest));
    assert_eq!(host.host.troubled(&Owner::Host, None, 2 * POISONED)?.len(), POISONED);
    let tried = recoveries(false);
    assert!(tried <= POISONED * FAILURES_MAX as usize, "{tried} recoveries");
    for round in 0..3 {
        for n in 0..POISONED {
            assert_eq!(refused(&host, &format!("poison-{n}"), "get").await?, Code::Quarantined, "{round}");
        }
        total += 1;
        assert_eq!(add(&host, "honest", 1).await?, total);
    }
    assert_eq!(recoveries(false), tried, "quarantined actors were tried again");
    assert_eq!(recoveries(true), 1, "the honest actor had to leave");

    let host = host.crash().await?;
    assert_eq!(get(&host, "honest").await?, total);
    host.store.forget_calls();
    for n in 0..POISONED {
        assert_eq!(refused(&host, &format!("poison-{n}"), "get").await?, Code::Quarantined);
    }
    assert!(host.store.calls().is_empty(), "after a crash a quarantined actor was looked up");
    Ok(())
}

/// More than are remembered: they are refused for a while and tried again; nobody who is quarantined is forgotten.
#[tokio::test]
async fn beyond_the_limit_nobody_who_is_quarantined_is_forgotten() -> Result<()> {
    let mut settings = super::scene::strict();
    settings.limits.troubled_actors = 2;
    let host = greenroom_kit::TestHost::start("hostile", settings).await?;
    for key in ["a", "b", "c"] {
        for _ in 0..FAILURES_MAX {
            assert_eq!(refused(&host, key, "trap").await?, Code::GuestTrapped);
        }
    }
    let known: Vec<String> = host.host.troubled(&Owner::Host, None, 9)?.into_iter().map(|actor| actor.key).collect();
    assert_eq!(known, ["a", "b"]);
    assert_eq!(refused(&host, "c", "trap").await?, Code::GuestTrapped);
    assert_eq!(refused(&host, "a", "trap").await?, Code::Quarantined);
    host.actor("a")?.release().await?;
    for _ in 0..FAILURES_MAX {
        assert_eq!(refused(&host, "c", "trap").await?, Code::GuestTrapped);
    }
    assert_eq!(refused(&host, "c", "trap").await?, Code::Quarantined, "there is room again");
    Ok(())
}
