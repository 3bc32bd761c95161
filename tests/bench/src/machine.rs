//! What the figures were measured on.

use std::path::Path;

use serde_json::{Value, json};

/// The versions that this program was built from.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The machine, the disk and the versions.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    cores: usize,
    cpu: String,
    memory: String,
    kernel: String,
    filesystem: String,
    rustc: String,
    /// The load average before the first row: other work takes part in the figures.
    load_before: String,
}

impl Machine {
    /// Looks at this machine and at the disk under `data`.
    pub(crate) fn look(data: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map_or_else(unknown, |(_, value)| value.trim().to_owned())
        };
        let kib: u64 = after(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: after(&read("/proc/cpuinfo"), "model name"),
            memory: format!("{:.1} GiB", kib as f64 / 1_048_576.0),
            kernel: format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
            filesystem: filesystem(&read("/proc/self/mounts"), data),
            rustc: rustc(),
            load_before: load_average(),
        }
    }

    pub(crate) fn as_json(&self) -> Value {
        json!({
            "cores": self.cores,
            "cpu": self.cpu,
            "memory": self.memory,
            "kernel": self.kernel,
            "filesystem": self.filesystem,
            "rustc": self.rustc,
            "wasmtime": locked("wasmtime"),
            "tokio": locked("tokio"),
            "greenroom": env!("CARGO_PKG_VERSION"),
            "profile": profile(),
            "load_average_before": self.load_before,
        })
    }

    /// Two lines for people.
    pub(crate) fn lines(&self) -> String {
        let Self { cores, cpu, memory, kernel, filesystem, rustc, load_before } = self;
        format!(
            "Machine: {cores} × {cpu}, {memory}, {kernel}, data on {filesystem}; load average before: {load_before}\n\
             Versions: greenroom {}, wasmtime {}, tokio {}, {rustc}, profile {}",
            env!("CARGO_PKG_VERSION"),
            locked("wasmtime"),
            locked("tokio"),
            profile(),
        )
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The system's load average over one minute.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().map_or_else(unknown, str::to_owned)
}

const fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev (the figures mean nothing)" } else { "release" }
}

/// The type of the file system that a path lies on: that of the longest mount point above it.
fn filesystem(mounts: &str, path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut best = (0, unknown());
    for line in mounts.lines() {
        let mut fields = line.split_whitespace().skip(1);
        if let (Some(point), Some(kind)) = (fields.next(), fields.next())
            && path.starts_with(point)
            && point.len() >= best.0
        {
            best = (point.len(), kind.to_owned());
        }
    }
    best.1
}

fn rustc() -> String {
    let output = std::process::Command::new("rustc").arg("--version").output();
    output
        .map_or_else(|_| "rustc unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version of a package in the lock file.
fn locked(package: &str) -> &'static str {
    let mut lines = LOCK.lines().skip_while(|line| line.strip_prefix("name = ") != Some(&format!("\"{package}\"")));
    lines.nth(1).and_then(|line| line.strip_prefix("version = ")).map_or("unknown", |version| version.trim_matches('"'))
}
