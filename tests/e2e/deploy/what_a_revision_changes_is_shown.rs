use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::setting::{Stage, guest, write_bytes};
use crate::tenant::run;

/// The counter's code in the place of the account, whose journals it cannot read: over HTTP and at the terminal.
#[test]
fn what_a_revision_changes_is_shown() -> Result<()> {
    let stage = Stage::with_kinds(&["account"])?;
    let file = stage.path("counter.wasm");
    write_bytes(&file, &guest("counter")?)?;
    let path = file.display().to_string();
    let cli = |arguments: &[&str]| run(stage.server.url(), None, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();

    let first = stage.client.deploy("fresh", &guest("counter")?)?.ok()?.json()?;
    assert_eq!(first.pointer("/diff/against"), Some(&Value::Null), "{first}");
    let again = stage.client.deploy("fresh", &guest("counter")?)?.ok()?.json()?;
    assert!(again.get("diff").is_none(), "it changed nothing: {again}");

    // Nothing is stored yet: the deposit's type may be forgotten.
    let checked = cli(&["check", &path, "--against", "account"])?;
    assert!(checked.status.success(), "{checked:?}");
    let said = text(&checked.stdout);
    for line in [
        "account: what changes from revision 1",
        "  + increment",
        "  - deposit",
        "  + incremented v1",
        "  - deposited v1",
    ] {
        assert!(said.contains(line), "no {line:?} in {said}");
    }
    assert!(said.contains("! deposited v1  declared by an earlier revision, held by none in 0 journals"), "{said}");

    stage.client.call("account", "ada", "deposit", r#"{"cents": 500}"#)?.ok()?;
    let checked = cli(&["check", &path, "--against", "account", "--json"])?;
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let report: Value = serde_json::from_slice(&checked.stdout).context("one JSON document")?;
    assert_eq!((&report["accepted"], &report["against"]["accepted"]), (&json!(true), &json!(false)));
    let unread = report.pointer("/against/diff/unread").and_then(Value::as_array).context("the types")?;
    let deposited = unread.iter().find(|event| event["name"] == "deposited").context("the deposit")?;
    assert_eq!(deposited["held"], json!({ "actor": "ada", "sequence": 1 }));

    let refused = stage.client.deploy("account", &guest("counter")?)?;
    assert_eq!((refused.status, refused.code()?.as_str()), (409, "GR0025"));
    assert_eq!(refused.json()?.pointer("/diff/against"), Some(&json!(1)));
    let refused = cli(&["deploy", "account", &path])?;
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("deposited v1 (actor ada, event 1)"), "{said}");
    assert!(said.contains("! deposited v1  held by actor ada, event 1: this candidate is refused"), "{said}");
    assert_eq!(stage.client.status("account", "ada")?.revision, 1);

    let kind = stage.client.get("/v1/default/kinds/account")?.ok()?.json()?;
    assert_eq!(kind["revisions"].as_array().map(Vec::len), Some(1), "a check stores nothing: {kind}");
    Ok(())
}
