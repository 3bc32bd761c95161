use anyhow::Result;
use greenroom_kit::{Server, ServerOptions};

use crate::setting::Stage;

#[test]
fn a_taken_port_is_named() -> Result<()> {
    let stage = Stage::empty()?;
    let address = stage.server.url().trim_start_matches("http://").to_owned();
    let mut options = ServerOptions::new(&stage.server.options().binary, stage.path("other"));
    options.listen.clone_from(&address);
    let message = Server::start(options).map_or_else(|error| format!("{error:#}"), |_| "it started".to_owned());
    assert!(message.contains("GR0080") && message.contains(&address), "{message}");
    Ok(())
}
