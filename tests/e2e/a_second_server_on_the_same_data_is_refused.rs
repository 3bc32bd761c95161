use anyhow::Result;
use greenroom_kit::{Server, ServerOptions};

use crate::setting::{Stage, value};

#[test]
fn a_second_server_on_the_same_data_is_refused() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    let second = Server::start(ServerOptions::new(&stage.server.options().binary, stage.server.data()));
    let message = second.map_or_else(|error| format!("{error:#}"), |server| format!("it started at {}", server.url()));
    assert!(message.contains("GR0065"), "{message}");
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, 1, "the first goes on");
    Ok(())
}
