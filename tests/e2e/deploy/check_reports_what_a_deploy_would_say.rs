use anyhow::{Context, Result};
use serde_json::Value;

use super::bomb;
use crate::setting::{Stage, guest, write, write_bytes};
use crate::tenant::run;

#[test]
fn check_reports_what_a_deploy_would_say() -> Result<()> {
    let stage = Stage::with_settings(&[], "limits.compile_ms = 3_000\n")?;
    let file = stage.path("x.wasm");
    let config = stage.path("limits.toml");
    write(&config, "limits.compile_ms = 3_000\n")?;
    let (path, config) = (file.display().to_string(), config.display().to_string());
    let forbidden = wat::parse_str(r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#)?;
    let truncated = guest("counter")?.into_iter().take(5_000).collect::<Vec<_>>();
    let cases = [
        ("counter", guest("counter")?, None),
        ("text", b"(component)".to_vec(), Some("format")),
        ("truncated", truncated, Some("format")),
        ("stateless", forbidden, Some("contract")),
        ("bomb", bomb::slow(10), Some("compile")),
        ("empty", bomb::quick(3), Some("exports")),
    ];
    for (name, component, failing) in cases {
        write_bytes(&file, &component)?;
        let checked = run(stage.server.url(), None, &["check", &path, "--config", &config, "--json"])?;
        let report: Value = serde_json::from_slice(&checked.stdout).with_context(|| format!("{name}: {checked:?}"))?;
        let deployed = stage.client.deploy("x", &component)?;
        assert_eq!(checked.status.success(), failing.is_none(), "{name}: {report}");
        assert_eq!(report["accepted"], failing.is_none(), "{name}: {report}");
        assert_eq!(deployed.status == 200, failing.is_none(), "{name}: {}", deployed.text());
        if let Some(failing) = failing {
            assert_eq!(report["code"].as_str(), Some(deployed.code()?.as_str()), "{name}");
            let checks = report["checks"].as_array().context("no checks")?;
            let refused = checks.iter().find(|check| check["passed"] == false).context("none refused")?;
            assert_eq!(refused["check"], failing, "{name}");
            assert_eq!(checked.status.code(), Some(1), "{name}");
        }
    }
    Ok(())
}

#[test]
fn a_person_reads_a_report_with_every_check_and_figure() -> Result<()> {
    let stage = Stage::empty()?;
    let file = stage.path("counter.wasm");
    write_bytes(&file, &guest("counter")?)?;
    let checked = run(stage.server.url(), None, &["check", &file.display().to_string()])?;
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{checked:?}");
    for part in ["✓ size", "✓ format", "✓ structure", "✓ contract", "✓ imports", "✓ compile", "✓ exports", "✓ manifest"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        text.contains("commands    increment") && text.contains("of 60.00 s") && text.contains("functions"),
        "{text}"
    );
    assert!(!text.contains("memory      0 B"), "what the compiler used is not known: {text}");
    assert!(String::from_utf8_lossy(&checked.stderr).contains("a deploy would accept it"));
    Ok(())
}
