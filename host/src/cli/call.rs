//! `greenroom call KIND/KEY COMMAND [JSON]`

use std::io::Read;

use clap::Args;
use serde_json::json;
use serde_json::value::RawValue;

use super::arguments::Target;
use super::client::{Client, Reply};
use super::failure::Failure;
use super::output::Output;
use crate::vocab::Code;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which actor: KIND/KEY
    target: Target,
    /// Which command
    command: String,
    /// Its payload; `-` reads it from standard input
    #[arg(default_value = "{}", value_name = "JSON")]
    payload: String,
    /// A repeated call with the same key is not handled twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Prints the reply as it is; with `--json`, `{"sequence": n, "reply": …}`.
pub(super) fn run(arguments: Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let payload = if arguments.payload == "-" { stdin()? } else { arguments.payload.into_bytes() };
    let reply = client.call(&arguments.target, &arguments.command, &payload, arguments.idempotency_key.as_deref())?;
    output.line(&if output.is_json() { wrapped(&reply) } else { text(&reply) })
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.payload).into_owned()
}

fn wrapped(reply: &Reply) -> String {
    match serde_json::from_slice::<&RawValue>(&reply.payload) {
        Ok(value) => {
            let sequence = reply.sequence.map_or_else(|| "null".to_owned(), |sequence| sequence.to_string());
            format!("{{\"sequence\":{sequence},\"reply\":{value}}}")
        }
        Err(_) => json!({ "sequence": reply.sequence, "reply": text(reply) }).to_string(),
    }
}

fn stdin() -> Result<Vec<u8>, Failure> {
    let mut payload = Vec::new();
    match std::io::stdin().lock().read_to_end(&mut payload) {
        Ok(_) => Ok(payload),
        Err(error) => Err(Failure::new(Code::FileUnreadable, format!("standard input could not be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_wrapped_without_being_changed() {
        let reply = |payload: &[u8]| Reply { payload: payload.to_vec(), sequence: Some(7) };
        assert_eq!(wrapped(&reply(b"{\"value\": 1.50}")), "{\"sequence\":7,\"reply\":{\"value\": 1.50}}");
        assert_eq!(wrapped(&reply(b"plain")), "{\"reply\":\"plain\",\"sequence\":7}");
    }
}
