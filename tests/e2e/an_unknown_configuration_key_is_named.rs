use anyhow::Result;
use greenroom_kit::{Server, ServerOptions};
use tempfile::TempDir;

use crate::setting::{server_binary, write};

#[test]
fn an_unknown_configuration_key_is_named() -> Result<()> {
    let dir = TempDir::new()?;
    let config = dir.path().join("greenroom.toml");
    write(&config, "[limits]\nmailbox_comands = 7\n")?;
    let mut options = ServerOptions::new(server_binary(), dir.path().join("data"));
    options.arguments = vec!["--config".to_owned(), config.display().to_string()];
    let message = Server::start(options).map_or_else(|error| format!("{error:#}"), |_| "it started".to_owned());
    assert!(message.contains("GR0081") && message.contains("mailbox_comands"), "{message}");
    Ok(())
}
