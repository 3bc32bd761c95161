use anyhow::Result;

use super::bomb;
use super::scene::{Deploying, create_tenant, metric};
use crate::setting::{Stage, value};

#[test]
fn a_compile_bomb_ends_in_an_error_and_the_host_goes_on() -> Result<()> {
    let stage = Stage::with_settings(&["counter"], "limits.compile_ms = 3_000\n")?;
    let stranger = create_tenant(&stage, "stranger", &[])?;
    let process = stage.server.process_id();
    let bomb = Deploying::begin(&stranger, "bomb", bomb::slow(1))?;
    let mut answered = 0;
    while !bomb.is_done() {
        answered = value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?;
    }
    let refused = bomb.answer()?;
    assert_eq!((refused.status, refused.code()?.as_str()), (400, "GR0028"), "{}", refused.text());
    assert!(refused.text().contains("3000 ms"), "{}", refused.text());
    assert!(answered > 0, "nobody was answered while it was compiled");
    assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, answered);
    assert_eq!(stage.server.process_id(), process);
    assert!(metric(&stage.client, "greenroom_deploy_refusals_total", r#"code="GR0028""#)? >= 1.0);
    assert!(metric(&stage.client, "greenroom_compile_cpu_milliseconds_total", r#"tenant="stranger""#)? >= 3_000.0);
    Ok(())
}

#[test]
fn a_component_that_takes_all_memory_to_compile_ends_in_an_error() -> Result<()> {
    let stage = Stage::with_settings(&[], "limits.compile_memory_bytes = 100_000_000\n")?;
    stage.client.deploy("counter", &crate::setting::guest("counter")?)?.ok()?;
    let refused = stage.client.deploy("bomb", &bomb::greedy(1))?;
    assert_eq!((refused.status, refused.code()?.as_str()), (400, "GR0029"), "{}", refused.text());
    assert!(refused.text().contains("100000000 bytes of memory"), "{}", refused.text());
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 2}"#)?)?, 2);
    Ok(())
}

#[test]
fn a_machine_that_is_too_busy_says_nothing_of_the_component() -> Result<()> {
    let stage = Stage::with_settings(&[], "limits.compile_wall_ms = 150\n")?;
    for _ in 0..2 {
        let refused = stage.client.deploy("slow", &bomb::slow(2))?;
        assert_eq!((refused.status, refused.code()?.as_str()), (503, "GR0037"), "{}", refused.text());
        assert_eq!(refused.retry_after.as_deref(), Some("1"));
        assert!(refused.text().contains("too busy") && !refused.text().contains("earlier"), "{}", refused.text());
    }
    Ok(())
}
