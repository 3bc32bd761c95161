//! The whole way through the HTTP interface on the loopback device, with a load generator on the same cores.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use greenroom_host::api;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::repeat;
use crate::bench::Bench;
use crate::counts::COMMANDS;
use crate::http_client::{Connection, post};
use crate::load::{Asker, Timing, choose};
use crate::sample::Sample;
use crate::scene::{Scene, Store, ensure_sum, get, increment};

/// Connections that are open at the same time.
const CONNECTIONS: usize = 64;

struct Caller {
    connection: Connection,
    requests: Arc<[Vec<u8>]>,
    /// What every answer must be; `None`: any number.
    expected: Option<&'static [u8]>,
}

impl Asker for Caller {
    async fn ask(&mut self, random: u64) -> Result<()> {
        let body = self.connection.call(choose(&self.requests, random)?).await?;
        let is_right = self.expected.map_or_else(|| body.starts_with(br#"{"value":"#), |expected| body == expected);
        ensure!(is_right, "answered {}", String::from_utf8_lossy(body));
        Ok(())
    }
}

/// Reads one key that nobody changes.
pub(super) fn read(bench: &Bench) -> Result<Vec<Sample>> {
    let server = server_threads()?;
    bench.block_on(async {
        let scene = Scene::open(bench, Store::Memory, |_| {}).await?;
        scene.counter("c-0")?.ask(increment()).await?;
        let address = serve(&server, &scene).await?;
        let callers = callers(address, 1, "get", Some(br#"{"value":1}"#)).await?;
        let handled_before = bench.counts.get(COMMANDS);
        let samples = repeat(bench, callers, Timing::Each, async |total| {
            bench.counts.ensure(COMMANDS, handled_before.saturating_add(total)).await
        });
        let samples = samples.await?;
        server.shutdown_background();
        scene.close().await?;
        Ok(samples)
    })
}

/// Increments so many keys.
pub(super) fn increments(bench: &Bench, store: Store, keys: usize) -> Result<Vec<Sample>> {
    let server = server_threads()?;
    bench.block_on(async {
        let scene = Scene::open(bench, store, |_| {}).await?;
        let counters = scene.counters(keys)?;
        for counter in counters.iter() {
            counter.ask(get()).await?;
        }
        let address = serve(&server, &scene).await?;
        let callers = callers(address, keys, "increment", None).await?;
        let samples = repeat(bench, callers, Timing::Each, async |total| ensure_sum(&counters, total).await).await?;
        server.shutdown_background();
        scene.close().await?;
        Ok(samples)
    })
}

/// The server's own threads, so that its CPU time is told apart from the load's.
fn server_threads() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().thread_name("http").enable_all().build().context("threads")
}

async fn serve(server: &Runtime, scene: &Scene) -> Result<SocketAddr> {
    let host = scene.host.clone();
    let bound = server.spawn(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(api::serve(listener, host, std::future::pending()));
        anyhow::Ok(address)
    });
    bound.await?.context("binding a port")
}

async fn callers(to: SocketAddr, keys: usize, command: &str, expected: Option<&'static [u8]>) -> Result<Vec<Caller>> {
    let path = |key| format!("/v1/default/actors/counter/c-{key}/{command}");
    let requests: Arc<[Vec<u8>]> = (0..keys).map(|key| post(&path(key), "{}")).collect();
    let mut callers = Vec::new();
    for _ in 0..CONNECTIONS {
        let connection = Connection::open(to).await?;
        callers.push(Caller { connection, requests: Arc::clone(&requests), expected });
    }
    Ok(callers)
}
