//! Is it a component at all?

use crate::sandbox::DeployError;

const MAGIC: &[u8] = b"\0asm";
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
const CORE_MODULE: &[u8] = &[1, 0, 0, 0];

pub(super) fn check_format(bytes: &[u8]) -> Result<(), DeployError> {
    let reason = match (bytes.get(..4), bytes.get(4..8)) {
        (Some(MAGIC), Some(COMPONENT)) => return Ok(()),
        (Some(MAGIC), Some(CORE_MODULE)) => {
            "it is a core module; build it for the target wasm32-wasip2, or wrap it with `wasm-tools component new`"
        }
        (Some(MAGIC), Some(_)) => "it is WebAssembly of an unknown binary version",
        (Some(MAGIC), None) => "it ends within its header",
        _ if bytes.is_empty() => "it is empty",
        _ if bytes.trim_ascii_start().starts_with(b"(") => "it is WebAssembly text; send the binary form",
        _ if std::str::from_utf8(bytes).is_ok() => "it is text",
        _ => "it does not start like WebAssembly",
    };
    Err(DeployError::NotAComponent { reason: reason.to_owned() })
}
