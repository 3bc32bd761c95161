use anyhow::Result;
use serde_json::Value;

use super::scene::{out, refusal, run};
use crate::setting::{Stage, guest, write_bytes};

#[test]
fn tenants_are_administered_by_the_command_line() -> Result<()> {
    let stage = Stage::empty()?;
    let component = stage.path("counter.wasm");
    write_bytes(&component, &guest("counter")?)?;
    let component = component.display().to_string();
    let url = stage.server.url().to_owned();
    let operator = out(&run(&url, None, &["key", "create", "--operator"])?)?;
    let by_operator = |arguments: &[&str]| run(&url, Some(&operator), arguments);

    out(&by_operator(&["tenant", "create", "acme", "--weight", "5", "--quota", "kinds=1", "--grants", "deploy"])?)?;
    assert!(refusal(&by_operator(&["tenant", "create", "acme"])?)?.contains("GR0105"));
    let shown = out(&by_operator(&["tenant", "list", "acme"])?)?;
    assert!(shown.contains("weight   5") && shown.contains("0 kinds") && shown.contains("1 kinds"), "{shown}");

    let tenants = ["--tenant", "acme"];
    let own = out(&by_operator(&["key", "create", "--tenant", "acme", "--scopes", "call,read,deploy,admin"])?)?;
    let by_tenant = |arguments: &[&str]| run(&url, Some(&own), &[&tenants, arguments].concat());
    out(&by_tenant(&["deploy", "counter", &component])?)?;
    assert!(refusal(&by_tenant(&["deploy", "second", &component])?)?.contains("GR0111"));
    out(&by_tenant(&["call", "counter/a", "increment", r#"{"by": 2}"#])?)?;
    assert!(refusal(&by_tenant(&["key", "create", "--scopes", "read"])?)?.contains("GR0103"), "no grant keys");
    assert!(refusal(&by_tenant(&["tenant", "list"])?)?.contains("GR0103"));

    out(&by_operator(&["tenant", "change", "acme", "--quota", "kinds=none"])?)?;
    out(&by_tenant(&["deploy", "second", &component])?)?;
    out(&by_operator(&["tenant", "suspend", "acme"])?)?;
    assert!(refusal(&by_tenant(&["call", "counter/a", "get"])?)?.contains("GR0104"));
    out(&by_operator(&["tenant", "resume", "acme"])?)?;
    out(&by_tenant(&["call", "counter/a", "get"])?)?;

    let keys: Value = serde_json::from_str(&out(&by_operator(&["--json", "key", "list", "--tenant", "acme"])?)?)?;
    let id = keys["keys"][0]["id"].as_str().unwrap_or_default().to_owned();
    assert!(keys["keys"][0]["last_used"].is_u64(), "{keys}");
    let renewed = out(&by_operator(&["key", "rotate", &id, "--tenant", "acme"])?)?;
    for key in [&own, &renewed] {
        out(&run(&url, Some(key), &["--tenant", "acme", "kinds"])?)?;
    }
    out(&by_operator(&["key", "revoke", &id, "--tenant", "acme"])?)?;
    assert!(refusal(&by_tenant(&["kinds"])?)?.contains("GR0102"));

    assert!(refusal(&by_operator(&["tenant", "delete", "acme"])?)?.contains("GR0106"));
    out(&by_operator(&["tenant", "delete", "acme", "--force"])?)?;
    assert!(refusal(&run(&url, Some(&renewed), &["--tenant", "acme", "kinds"])?)?.contains("GR0102"));
    let audit = out(&by_operator(&["audit", "--operator"])?)?;
    for act in ["createTenant", "changeTenant", "suspendTenant", "resumeTenant", "deleteTenant", "GR0106"] {
        assert!(audit.contains(act), "{act} in {audit}");
    }
    Ok(())
}
