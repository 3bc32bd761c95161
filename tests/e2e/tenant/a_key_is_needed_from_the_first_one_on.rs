use anyhow::Result;

use super::scene::{out, refusal, run};
use crate::setting::Stage;

#[test]
fn a_key_is_needed_from_the_first_one_on() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    let url = stage.server.url().to_owned();
    let tenants_first = run(&url, None, &["key", "create", "--scopes", "call"])?;
    assert!(refusal(&tenants_first)?.contains("--operator"));
    let operator = out(&run(&url, None, &["key", "create", "--operator"])?)?;
    assert!(operator.starts_with("grk_"), "the key stands alone on standard output");

    assert!(refusal(&run(&url, None, &["kinds"])?)?.contains("GR0100"));
    assert!(refusal(&run(&url, Some(&operator.replace("grk_", "grk_0")), &["kinds"])?)?.contains("GR0101"));
    out(&run(&url, Some(&operator), &["kinds"])?)?;
    assert_eq!(stage.client.get("/healthz")?.status, 200);
    assert_eq!(stage.client.get("/metrics")?.status, 401);

    let caller = out(&run(&url, Some(&operator), &["key", "create", "--scopes", "call,read"])?)?;
    out(&run(&url, Some(&caller), &["call", "counter/a", "increment", r#"{"by": 1}"#])?)?;
    assert!(refusal(&run(&url, Some(&caller), &["snapshot", "counter/a"])?)?.contains("GR0103"));
    assert!(refusal(&run(&url, Some(&caller), &["--tenant", "other", "kinds"])?)?.contains("GR0103"));

    stage.kill_and_restart()?;
    let url = stage.server.url().to_owned();
    assert!(refusal(&run(&url, None, &["kinds"])?)?.contains("GR0100"));
    out(&run(&url, Some(&caller), &["call", "counter/a", "get"])?)?;
    let log = stage.server.log();
    assert!(!log.contains("grk_") && !log.contains(&operator[4..20]), "{log}");
    Ok(())
}

#[test]
fn who_lost_every_key_makes_one_beside_the_server() -> Result<()> {
    let mut stage = Stage::empty()?;
    out(&run(stage.server.url(), None, &["key", "create", "--operator"])?)?;
    let data = stage.server.data().display().to_string();
    let beside = ["key", "create", "--operator", "--data", &data];
    assert!(refusal(&run("", None, &beside)?)?.contains("GR0065"), "a running server keeps its store to itself");
    stage.server.stop()?;
    let key = out(&run("", None, &beside)?)?;
    stage.server = greenroom_kit::Server::start(stage.server.options().clone())?;
    let audit = out(&run(stage.server.url(), Some(&key), &["audit", "--operator"])?)?;
    assert!(audit.contains("offline") && audit.contains("anyone"), "{audit}");
    Ok(())
}
