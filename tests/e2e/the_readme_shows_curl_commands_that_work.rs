use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::setting::{Stage, guest, read, write, write_bytes};

const README: &str = "../README.md";
const URL: &str = "http://127.0.0.1:7411";
/// Every command fails on a status that is not a success, and ends its output with a line break.
const STRICT_CURL: &str = "curl() { command curl --silent --show-error --fail --noproxy '*' \"$@\" && echo; }\n";

/// Runs the block as a reader would: in a shell, in a folder with the component.
#[test]
fn the_readme_shows_curl_commands_that_work() -> Result<()> {
    let readme = String::from_utf8(read(Path::new(README))?).context("the README is not text")?;
    let block = readme.split("```sh\n").find(|block| block.starts_with(&format!("url={URL}")));
    let block = block.and_then(|block| block.split("```").next()).context("the README has no such block")?;

    let stage = Stage::empty()?;
    let folder = stage.path("checkout");
    std::fs::create_dir_all(folder.join("target/guests"))?;
    write_bytes(&folder.join("target/guests/counter.wasm"), &guest("counter")?)?;
    let script = folder.join("quick-start.sh");
    write(&script, &format!("set -eu\n{STRICT_CURL}{}", block.replace(URL, stage.server.url())))?;

    let output = Command::new("sh").arg(&script).current_dir(&folder).output().context("no shell")?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {complained}\n{said}", output.status);
    let replies: Vec<&str> = said.lines().filter(|line| line.starts_with("{\"value\"")).collect();
    assert_eq!(replies, [r#"{"value":5}"#, r#"{"value":6}"#, r#"{"value":6}"#], "{said}");
    for expected in [r#""state":{"value":6}"#, r#""state":{"value":5}"#, r#""payload":{"by":1}"#] {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
    Ok(())
}
