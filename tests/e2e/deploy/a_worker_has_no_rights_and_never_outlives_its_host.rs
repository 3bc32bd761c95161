use anyhow::Result;

use super::bomb;
use super::scene::{Deploying, about, is_alive, metric, no_worker_of, status_of, worker_of};
use crate::setting::Stage;

#[test]
fn a_worker_has_no_rights_and_never_outlives_its_host() -> Result<()> {
    let mut stage = Stage::with_settings(&[], "limits.compile_ms = 30_000\n")?;
    // What a host would like to keep from the compiler of strangers' code.
    let deploying = Deploying::begin(&stage.client, "slow", bomb::slow(6))?;
    let worker = worker_of(stage.server.process_id())?;

    let status = status_of(worker)?;
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Seccomp:\t2"), "{status}");
    let limits = about(worker, "limits")?;
    for (name, value) in [
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max open files", "3"),
        ("Max processes", "0"),
        ("Max data size", "1073741824"),
        ("Max cpu time", "32"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        assert_eq!(line[name.len()..].split_whitespace().next(), Some(value), "{limits}");
    }
    // The following can only be looked at by root: a worker is closed even to its own user.
    if let Ok(environment) = about(worker, "environ") {
        assert_eq!(environment, "");
        assert_eq!(std::fs::read_link(format!("/proc/{worker}/cwd"))?, std::path::Path::new("/"));
        let mut open: Vec<String> = std::fs::read_dir(format!("/proc/{worker}/fd"))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        open.sort();
        assert_eq!(open, ["0", "1", "2"]);
    }
    // Field 19 is the niceness and 41 the policy, 5 is SCHED_IDLE; the name in parentheses is the second field. On a
    // busy machine this is a second worker, with a share of the time.
    let stat = about(worker, "stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let priority = (fields.get(16).copied(), fields.get(38).copied());
    assert!(matches!(priority, (_, Some("5")) | (Some("5"), Some("0"))), "{priority:?}: {stat}");

    let server = stage.server.process_id();
    stage.server.kill()?;
    no_worker_of(server)?;
    assert!(deploying.answer().is_err());
    Ok(())
}

#[test]
fn every_bound_holds_on_this_machine_and_the_metrics_say_so() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    for bound in ["cpu-time", "memory", "files", "processes", "privileges", "orphan", "priority", "system-calls"] {
        let holds = metric(&stage.client, "greenroom_compile_worker_bound", &format!("bound=\"{bound}\""))?;
        assert_eq!(holds, 1.0, "{bound}");
    }
    assert!(is_alive(stage.server.process_id()));
    Ok(())
}
