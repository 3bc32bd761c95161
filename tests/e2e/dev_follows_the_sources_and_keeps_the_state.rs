use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use greenroom_kit::Client;
use serde_json::Value;

use crate::setting::{guests_dir, read, server_binary, write, write_bytes};

const LOCK: &str = "../Cargo.lock";
/// The compiler, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(300);
/// From the compiler's end until the new code runs, on an idle machine; others may be at work here.
const SWAP_MS_MAX: u64 = 2_000;
const SWAP_MS_HERE: u64 = 10 * SWAP_MS_MAX;

/// `greenroom dev` under way.
struct Dev {
    process: Child,
    steps: Receiver<Value>,
    url: String,
}

impl Dev {
    fn start(project: &Path) -> Result<Self> {
        let mut command = Command::new(server_binary());
        command.args(["dev", "--listen", "127.0.0.1:0", "--log", "warn", "--json"]).arg(project);
        command.env("CARGO_TARGET_DIR", project.with_file_name("target"));
        let mut process = command.stdout(Stdio::piped()).spawn().context("dev could not be started")?;
        let lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let (sender, steps) = channel();
        std::thread::Builder::new().spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(step) = serde_json::from_str::<Value>(&line) else { continue };
                if sender.send(step).is_err() {
                    return;
                }
            }
        })?;
        let mut dev = Self { process, steps, url: String::new() };
        let serving = dev.step("serving")?;
        dev.url = serving.get("url").and_then(Value::as_str).context("no address")?.to_owned();
        Ok(dev)
    }

    /// The next step of that name; others are passed over.
    fn step(&self, name: &str) -> Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let step = self.steps.recv_timeout(left).with_context(|| format!("waited in vain for {name}"))?;
            match step.get("step").and_then(Value::as_str) {
                Some(found) if found == name => return Ok(step),
                Some("build failed" | "refused") => bail!("instead of {name}: {step}"),
                _ => {}
            }
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A generated project under `greenroom dev`: a change of its source is live with the state kept; one that does not
/// compile, one that cannot read the journal, and one that fails at it, leave the old code running; and so does the end of `dev` itself.
#[test]
fn dev_follows_the_sources_and_keeps_the_state() -> Result<()> {
    let folder = guests_dir().parent().context("no target directory")?.join("dev-project");
    let project = folder.join("to-do");
    let _first_time = std::fs::remove_dir_all(&project);
    let _first_time = std::fs::remove_dir_all(folder.join("target/greenroom-dev"));
    std::fs::create_dir_all(&folder)?;
    let written = Command::new(server_binary()).args(["new", "to-do"]).current_dir(&folder).output()?;
    ensure!(written.status.success(), "{written:?}");
    write_bytes(&project.join("Cargo.lock"), &read(Path::new(LOCK))?)?;
    let source = project.join("src/lib.rs");
    let first = String::from_utf8(read(&source)?)?;

    let dev = Dev::start(&project)?;
    dev.step("ready")?;
    let client = Client::new(&dev.url);
    client.call("to-do", "mine", "add", r#"{"task":"write"}"#)?.ok()?;
    let list = || -> Result<String> { Ok(client.call("to-do", "mine", "list", "")?.ok()?.text()) };
    let before = list()?;
    assert!(before.contains("write"), "{before}");

    // A new reply, the old state.
    let second = changed(&first, "open.iter().cloned()", "open.iter().map(|task| task.to_uppercase())")?;
    write(&source, &second)?;
    dev.step("changed")?;
    dev.step("built")?;
    let rehearsed = dev.step("rehearsed")?;
    ensure!(rehearsed.get("actors") == Some(&1.into()) && rehearsed.get("differ") == Some(&0.into()), "{rehearsed}");
    let ready = dev.step("ready")?;
    let after = list()?;
    assert!(after.contains("WRITE"), "the new code with the old state: {after}");
    let took_ms = ready.get("ms").and_then(Value::as_u64).context("no time")?;
    assert!(took_ms < SWAP_MS_HERE, "{took_ms} ms after the compiler was done; the aim is {SWAP_MS_MAX}");
    println!("from the compiler's end to the new code: {took_ms} ms");

    // What does not compile changes nothing.
    write(&source, &format!("{second}\nfn broken("))?;
    dev.step("build failed")?;
    assert_eq!(list()?, after);

    // What cannot read the journal is refused, and says why.
    let renamed = "pub enum Fact {\n    #[event(name = \"put\")]\n    Added";
    write(&source, &changed(&second, "pub enum Fact {\n    Added", renamed)?)?;
    let refused = dev.step("refused")?;
    assert!(refused.to_string().contains("GR0025"), "{refused}");
    assert_eq!(list()?, after);

    // What cannot bring an actor back is refused before any actor runs it.
    let (insert, strict) = ("self.open.insert(task.clone());", "assert!(task.len() > 100);");
    write(&source, &changed(&second, insert, strict)?)?;
    let refused = dev.step("refused")?;
    assert!(refused.to_string().contains("cannot replay: mine"), "{refused}");
    assert_eq!(list()?, after);

    write(&source, &second)?;
    dev.step("unchanged")?;
    drop(dev);

    let dev = Dev::start(&project)?;
    dev.step("unchanged")?;
    let client = Client::new(&dev.url);
    assert_eq!(client.call("to-do", "mine", "list", "")?.ok()?.text(), after, "also after a kill");
    Ok(())
}

/// The source with a part replaced, which must be there.
fn changed(source: &str, part: &str, by: &str) -> Result<String> {
    ensure!(source.contains(part), "the template has no {part:?} any more");
    Ok(source.replacen(part, by, 1))
}
