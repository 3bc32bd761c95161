use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result};

use super::scene::status_of;
use crate::setting::{Stage, guest};

const MIB: usize = 1_024 * 1_024;

#[test]
fn a_deploy_that_is_too_large_is_refused_before_it_is_held() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    let before = peak_kib(&stage)?;
    // A client that asks first is told before it sends a byte.
    let asking = "content-length: 104857600\r\nexpect: 100-continue\r\n";
    let refused = send(&stage, asking, 0)?;
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("GR0023"), "{refused}");
    assert!(refused.contains("104857600 bytes, the limit is 33554432"), "{refused}");
    // One that does not is told, too, and what it sends is not kept.
    let refused = send(&stage, "content-length: 52428800\r\n", 50)?;
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("52428800 bytes"), "{refused}");
    let grown_mib = peak_kib(&stage)?.saturating_sub(before) / 1_024;
    assert!(grown_mib < 25, "the server grew by {grown_mib} MiB over an upload of 50 MiB");
    // Without an announced length it is read up to the limit.
    let refused = send(&stage, "transfer-encoding: chunked\r\n", 50)?;
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("more than 33554432"), "{refused}");
    Ok(())
}

#[test]
fn exactly_at_the_limit_it_is_looked_at() -> Result<()> {
    let component = guest("counter")?;
    let bytes = component.len();
    let stage = Stage::with_settings(&[], &format!("limits.component_bytes = {bytes}\n"))?;
    stage.client.deploy("counter", &component)?.ok()?;
    let longer = [component.as_slice(), &[0]].concat();
    assert_eq!(stage.client.deploy("counter", &longer)?.code()?, "GR0023");
    Ok(())
}

/// The most memory that the server ever had, KiB.
fn peak_kib(stage: &Stage) -> Result<u64> {
    let status = status_of(stage.server.process_id())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Sends a deploy with these headers and so many MiB; the server's answer.
fn send(stage: &Stage, headers: &str, mib: usize) -> Result<String> {
    let address = stage.server.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address)?;
    let head = format!("PUT /v1/default/kinds/large HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes())?;
    let bytes = vec![0; MIB];
    let is_chunked = headers.contains("chunked");
    for _ in 0..mib {
        if is_chunked {
            stream.write_all(format!("{MIB:x}\r\n").as_bytes())?;
        }
        stream.write_all(&bytes)?;
        if is_chunked {
            stream.write_all(b"\r\n")?;
        }
    }
    if is_chunked {
        stream.write_all(b"0\r\n\r\n")?;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
