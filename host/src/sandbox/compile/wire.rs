//! What host and worker say to each other, over the worker's standard input and output.
//!
//! Host to worker: 8 bytes length, the component. Worker to host: 8 bytes magic, 32 bytes build, 1 byte bounds, before
//! it reads anything; then 1 byte verdict, 8 bytes CPU time in microseconds, 8 bytes most memory, 8 bytes length, the
//! code or a text. Numbers are little-endian. Each side ends its pipe when it has said all.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::bounds::Bounds;
use crate::sandbox::config::CODE_VERSION;

const MAGIC: &[u8; 8] = b"GRCOMP\x01\n";
/// The longest text that a worker says.
pub(super) const TEXT_BYTES_MAX: u64 = /* 8 KiB */ 8 * 1_024;

/// What became of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The body is its code.
    Compiled = 0,
    /// The body says why the compiler refused it.
    Refused = 1,
    /// The body names the features that it may not use.
    Feature = 2,
    /// The compiler panicked.
    Panicked = 3,
    /// The compiler ran out of memory and noticed.
    OutOfMemory = 4,
}

/// The worker's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) verdict: Verdict,
    pub(super) cpu: Duration,
    pub(super) memory_bytes: u64,
    pub(super) body: Vec<u8>,
}

/// Identifies this build: only its own code is taken from a worker.
fn build() -> [u8; 32] {
    *blake3::Hasher::new()
        .update(CODE_VERSION.as_bytes())
        .update(env!("CARGO_PKG_VERSION").as_bytes())
        .finalize()
        .as_bytes()
}

pub(super) fn write_hello(to: &mut impl Write, bounds: Bounds) -> io::Result<()> {
    to.write_all(MAGIC)?;
    to.write_all(&build())?;
    to.write_all(&[bounds.0])?;
    to.flush()
}

pub(super) fn read_hello(from: &mut impl Read) -> io::Result<Bounds> {
    let mut magic = [0; 8];
    from.read_exact(&mut magic)?;
    let mut build_of_worker = [0; 32];
    from.read_exact(&mut build_of_worker)?;
    if magic != *MAGIC || build_of_worker != build() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not this build of greenroom"));
    }
    let mut bounds = [0; 1];
    from.read_exact(&mut bounds)?;
    let [bounds] = bounds;
    Ok(Bounds(bounds))
}

pub(super) fn write_component(to: &mut impl Write, component: &[u8]) -> io::Result<()> {
    to.write_all(&length(component).to_le_bytes())?;
    to.write_all(component)?;
    to.flush()
}

pub(super) fn read_component(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = read_u64(from)?;
    read_body(from, length)
}

pub(super) fn write_reply(to: &mut impl Write, reply: &Reply) -> io::Result<()> {
    let cpu_us = u64::try_from(reply.cpu.as_micros()).unwrap_or(u64::MAX);
    to.write_all(&[reply.verdict as u8])?;
    for number in [cpu_us, reply.memory_bytes, length(&reply.body)] {
        to.write_all(&number.to_le_bytes())?;
    }
    to.write_all(&reply.body)?;
    to.flush()
}

/// A reply with more than `code_bytes_max` of code has no body and the length as its error.
pub(super) fn read_reply(from: &mut impl Read, code_bytes_max: u64) -> io::Result<Result<Reply, u64>> {
    let mut verdict = [0; 1];
    from.read_exact(&mut verdict)?;
    let [verdict] = verdict;
    let verdict = match verdict {
        0 => Verdict::Compiled,
        1 => Verdict::Refused,
        2 => Verdict::Feature,
        3 => Verdict::Panicked,
        4 => Verdict::OutOfMemory,
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is not understood")),
    };
    let cpu = Duration::from_micros(read_u64(from)?);
    let memory_bytes = read_u64(from)?;
    let length = read_u64(from)?;
    let most = if verdict == Verdict::Compiled { code_bytes_max } else { TEXT_BYTES_MAX };
    if length > most {
        return Ok(Err(length));
    }
    Ok(Ok(Reply { verdict, cpu, memory_bytes, body: read_body(from, length)? }))
}

/// Reads exactly `length` bytes to the end of the pipe; memory grows with what arrives, not with what was announced.
fn read_body(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    from.take(length.saturating_add(1)).read_to_end(&mut body)?;
    if super::count(body.len()) == length {
        Ok(body)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is not as long as was announced"))
    }
}

fn read_u64(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn length(bytes: &[u8]) -> u64 {
    super::count(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(verdict: Verdict, body: &[u8]) -> Reply {
        Reply { verdict, cpu: Duration::from_micros(1_234), memory_bytes: 5_678, body: body.to_vec() }
    }

    fn written(reply: &Reply) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_reply(&mut bytes, reply).unwrap();
        bytes
    }

    #[test]
    fn what_is_said_is_understood() {
        let mut hello = Vec::new();
        write_hello(&mut hello, Bounds(0b1010)).unwrap();
        assert_eq!(read_hello(&mut hello.as_slice()).unwrap(), Bounds(0b1010));
        let mut component = Vec::new();
        write_component(&mut component, b"wasm").unwrap();
        assert_eq!(read_component(&mut component.as_slice()).unwrap(), b"wasm");
        for verdict in [Verdict::Compiled, Verdict::Refused, Verdict::Feature, Verdict::Panicked, Verdict::OutOfMemory]
        {
            let reply = reply(verdict, b"body");
            assert_eq!(read_reply(&mut written(&reply).as_slice(), 4).unwrap(), Ok(reply));
        }
    }

    #[test]
    fn another_build_is_not_believed() {
        let mut hello = Vec::new();
        write_hello(&mut hello, Bounds::default()).unwrap();
        for at in [0, 7, 8, 39] {
            let mut other = hello.clone();
            other[at] ^= 1;
            assert!(read_hello(&mut other.as_slice()).is_err(), "byte {at}");
        }
        assert!(read_hello(&mut b"Usage: greenroom [OPTIONS] <COMMAND>\n".as_slice()).is_err());
    }

    #[test]
    fn code_at_the_bound_is_taken_and_one_byte_more_is_not() {
        let bytes = written(&reply(Verdict::Compiled, &[7; 100]));
        assert!(read_reply(&mut bytes.as_slice(), 100).unwrap().is_ok());
        assert_eq!(read_reply(&mut bytes.as_slice(), 99).unwrap(), Err(100));
        let texts = written(&reply(Verdict::Refused, &[b'x'; 9_000]));
        assert_eq!(read_reply(&mut texts.as_slice(), u64::MAX).unwrap(), Err(9_000));
    }

    #[test]
    fn a_body_that_is_cut_off_or_goes_on_is_refused() {
        let bytes = written(&reply(Verdict::Compiled, b"code"));
        assert!(read_reply(&mut &bytes[..bytes.len() - 1], 100).is_err());
        assert!(read_reply(&mut [&bytes[..], b"x"].concat().as_slice(), 100).is_err());
        assert!(read_reply(&mut [9].as_slice(), 100).is_err());
    }
}
