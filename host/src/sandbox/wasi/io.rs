//! `wasi:io`: standard input has ended, standard output is the log, and everything is ready at once.

use wasmtime::component::{ComponentType, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{StoreContextMut, bail};

use crate::sandbox::guest_log::Printed;
use crate::sandbox::state::State;

/// Bytes that one `write` may bring.
const WRITE_BYTES_MAX: u64 = /* 64 KiB */ 64 * 1_024;
/// What looking one handle up costs, as bytes copied.
const HANDLE_BYTES: usize = 64;
/// The handle of standard error; standard output has 0.
const STDERR: u32 = 1;

/// A thing to wait for; always ready.
pub(super) struct Pollable;
/// An input that has ended.
pub(super) struct InputStream;
/// An output that is the log.
pub(super) struct OutputStream;
/// Never made: nothing here fails.
pub(super) struct IoError;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "part of the interface; nothing here fails")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Streamed<T> = (Result<T, StreamError>,);

pub(super) fn stdin() -> Resource<InputStream> {
    Resource::new_own(0)
}

pub(super) fn stdout() -> Resource<OutputStream> {
    Resource::new_own(0)
}

pub(super) fn stderr() -> Resource<OutputStream> {
    Resource::new_own(STDERR)
}

pub(super) fn ready() -> Resource<Pollable> {
    Resource::new_own(0)
}

pub(super) fn add(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut error = linker.instance("wasi:io/error@0.2.0")?;
    error.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))?;
    error.func_wrap("[method]error.to-debug-string", |_, (_,): (Resource<IoError>,)| Ok((String::new(),)))?;
    add_poll(&mut linker.instance("wasi:io/poll@0.2.0")?)?;
    let mut streams = linker.instance("wasi:io/streams@0.2.0")?;
    add_input(&mut streams)?;
    add_output(&mut streams)
}

fn add_poll(poll: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    poll.resource("pollable", ResourceType::host::<Pollable>(), |_, _| Ok(()))?;
    poll.func_wrap("[method]pollable.ready", |_, (_,): (Resource<Pollable>,)| Ok((true,)))?;
    poll.func_wrap("[method]pollable.block", |_, (_,): (Resource<Pollable>,)| Ok(()))?;
    poll.func_wrap("poll", |mut store, (pollables,): (Vec<Resource<Pollable>>,)| {
        store.data_mut().spend(pollables.len().saturating_mul(HANDLE_BYTES))?;
        if pollables.is_empty() {
            bail!("`poll` was called without anything to wait for");
        }
        Ok(((0..u32::try_from(pollables.len())?).collect::<Vec<u32>>(),))
    })
}

fn add_input(streams: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    streams.resource("input-stream", ResourceType::host::<InputStream>(), |_, _| Ok(()))?;
    for read in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        streams.func_wrap(read, |_, _: (Resource<InputStream>, u64)| -> wasmtime::Result<Streamed<Vec<u8>>> {
            Ok((Err(StreamError::Closed),))
        })?;
    }
    for skip in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        streams.func_wrap(skip, |_, _: (Resource<InputStream>, u64)| -> wasmtime::Result<Streamed<u64>> {
            Ok((Err(StreamError::Closed),))
        })?;
    }
    streams.func_wrap("[method]input-stream.subscribe", |_, (_,): (Resource<InputStream>,)| Ok((ready(),)))
}

fn add_output(streams: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    streams.resource("output-stream", ResourceType::host::<OutputStream>(), |_, _| Ok(()))?;
    streams.func_wrap(
        "[method]output-stream.check-write",
        |_, (_,): (Resource<OutputStream>,)| -> wasmtime::Result<Streamed<u64>> { Ok((Ok(WRITE_BYTES_MAX),)) },
    )?;
    for write in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        streams.func_wrap(write, print)?;
    }
    for flush in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        streams.func_wrap(flush, |_, (_,): (Resource<OutputStream>,)| -> wasmtime::Result<Streamed<()>> {
            Ok((Ok(()),))
        })?;
    }
    for write in ["[method]output-stream.write-zeroes", "[method]output-stream.blocking-write-zeroes-and-flush"] {
        streams.func_wrap(write, |_, _: (Resource<OutputStream>, u64)| -> wasmtime::Result<Streamed<()>> {
            Ok((Ok(()),))
        })?;
    }
    for splice in ["[method]output-stream.splice", "[method]output-stream.blocking-splice"] {
        streams.func_wrap(
            splice,
            |_, _: (Resource<OutputStream>, Resource<InputStream>, u64)| -> wasmtime::Result<Streamed<u64>> {
                Ok((Err(StreamError::Closed),))
            },
        )?;
    }
    streams.func_wrap("[method]output-stream.subscribe", |_, (_,): (Resource<OutputStream>,)| Ok((ready(),)))
}

fn print(
    mut store: StoreContextMut<'_, State>,
    (stream, bytes): (Resource<OutputStream>, Vec<u8>),
) -> wasmtime::Result<Streamed<()>> {
    store.data_mut().spend(bytes.len())?;
    let to = if stream.rep() == STDERR { Printed::Stderr } else { Printed::Stdout };
    store.data_mut().log.print(to, &bytes);
    Ok((Ok(()),))
}
