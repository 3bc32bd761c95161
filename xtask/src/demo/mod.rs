//! `cargo xtask demo`: why Greenroom exists, shown on the real server in a minute.

mod acts;
mod backstage;
mod ledger;
mod load;
mod play;
mod screen;

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::guests;
use crate::workspace::Workspace;

use backstage::Backstage;
use play::{Play, Size};
use screen::{Screen, in_words};

/// The demo as people see it.
const FULL: Size = Size { commands: 8_000, clients: 8 };
/// The same acts and proofs, for build machines.
const SMOKE: Size = Size { commands: 2_000, clients: 4 };

/// Builds what is needed and plays the demo; fails when a proof does.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let size = match arguments {
        [] => FULL,
        [only] if only == "--smoke" => SMOKE,
        _ => bail!("demo takes nothing but --smoke"),
    };
    let workspace = Workspace::load()?;
    println!("Building the guests and the server …");
    guests::build(&workspace)?;
    workspace.build_server()?;

    let began = Instant::now();
    let mut screen = Screen::new();
    let backstage = Backstage::new(workspace.server_binary())?;
    let result = Play::new(size, &backstage, &workspace, &mut screen).perform();
    if result.is_err()
        && let Some(log) = backstage.log()
    {
        eprintln!("\nThe server's log ends with:\n{}", last_lines(&log, 20));
    }
    let cleared = backstage.clear();
    let mut rows = result?;
    cleared.context("the demo left something behind")?;
    rows.push(("proofs", format!("{}, all of them held", screen.proofs())));
    rows.push(("left behind", "nothing: the server has ended, its data is removed".to_owned()));
    rows.push(("took", in_words(began.elapsed())));
    screen.table("Summary", &rows);
    Ok(())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}
