//! The server is asked to end, and does.

use std::time::Instant;

use anyhow::Result;

use crate::demo::play::Play;
use crate::demo::screen::in_words;

/// Ends the server as an operator would.
pub(crate) fn play(play: &mut Play<'_>) -> Result<()> {
    play.screen.act("An orderly end");
    let began = Instant::now();
    let status = play.backstage.stop()?;
    let sentence = format!("asked to end (SIGTERM), the server finished its work in {}", in_words(began.elapsed()));
    play.screen.prove(status.success(), &sentence)
}
