use std::time::Duration;

use anyhow::Result;

use super::bomb;
use super::scene::{Deploying, create_tenant, worker_of};
use crate::setting::{Stage, guest};

#[test]
fn tenants_deploys_take_turns() -> Result<()> {
    let stage = Stage::with_settings(&[], "limits.compile_ms = 2_000\n")?;
    let greedy = create_tenant(&stage, "greedy", &[])?;
    let modest = create_tenant(&stage, "modest", &[])?;
    let first = Deploying::begin(&greedy, "k", bomb::slow(20))?;
    worker_of(stage.server.process_id())?;
    let rest = (21..24).map(|salt| Deploying::begin(&greedy, "k", bomb::slow(salt))).collect::<Result<Vec<_>>>()?;
    std::thread::sleep(Duration::from_millis(200));
    let answer = modest.deploy("counter", &guest("counter")?)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let overtaken = rest.iter().filter(|deploy| !deploy.is_done()).count();
    assert!(overtaken >= 2, "the modest tenant waited for {} deploys of the greedy one", 3 - overtaken);
    for deploying in std::iter::once(first).chain(rest) {
        assert_eq!(deploying.answer()?.code()?, "GR0028");
    }
    Ok(())
}

#[test]
fn a_tenant_has_so_many_deploys_under_way_and_not_one_more() -> Result<()> {
    let stage = Stage::with_settings(&[], "limits.compile_ms = 2_000\nlimits.tenant_deploys = 2\n")?;
    let greedy = create_tenant(&stage, "greedy", &[])?;
    let under_way =
        (30..32).map(|salt| Deploying::begin(&greedy, "k", bomb::slow(salt))).collect::<Result<Vec<_>>>()?;
    worker_of(stage.server.process_id())?;
    std::thread::sleep(Duration::from_millis(200));
    let refused = greedy.deploy("k", &bomb::slow(32))?;
    assert_eq!((refused.status, refused.code()?.as_str()), (429, "GR0031"), "{}", refused.text());
    assert!(refused.retry_after.is_some());
    stage.client.deploy("counter", &guest("counter")?)?.ok()?;
    for deploying in under_way {
        assert_eq!(deploying.answer()?.code()?, "GR0028");
    }
    // The places are given back.
    greedy.deploy("counter", &guest("counter")?)?.ok()?;
    Ok(())
}
