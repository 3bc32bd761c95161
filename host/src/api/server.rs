//! Connections: accepted up to a bound, each with timeouts, ended in order.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::connections::Connections;
use super::context::{Context, Phase};
use super::{HttpSettings, Metrics, Tls, metrics, openapi, routes};
use crate::runtime::Host;

/// How long to wait when the system has no room for a connection; it has no better signal for "again".
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The largest request head; also what is read of a body at a time.
const HEAD_BYTES_MAX: usize = /* 64 KiB */ 64 * 1_024;

/// The HTTP face of a host.
#[derive(Debug)]
pub struct Server {
    host: Host,
    settings: HttpSettings,
    metrics: Option<Metrics>,
    tls: Option<Arc<Tls>>,
}

/// Serves a host with the default settings until `shutdown` resolves.
///
/// Open responses get a moment to finish; those that follow a journal end at once. Does not shut the host down.
pub async fn serve(listener: TcpListener, host: Host, shutdown: impl Future<Output = ()> + Send) {
    Server::new(host).serve(listener, shutdown, async {}).await;
}

impl Server {
    /// A server with the default settings and without metrics.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { host, settings: HttpSettings::default(), metrics: None, tls: None }
    }

    /// Its bounds.
    #[must_use]
    pub fn settings(mut self, settings: HttpSettings) -> Self {
        self.settings = settings;
        self
    }

    /// What `/metrics` shows.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Speaks TLS and nothing else.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(Arc::new(tls));
        self
    }

    /// Serves in two steps. Until `closing` resolves, all is served. Then responses that follow a journal end, and
    /// the rest is still answered, so that callers read "shutting down" and not a refused connection, until `drained`
    /// resolves too. Then nothing is accepted, open responses get a moment, and what is left is dropped.
    pub async fn serve(
        self,
        listener: TcpListener,
        closing: impl Future<Output = ()> + Send,
        drained: impl Future<Output = ()> + Send,
    ) {
        metrics::describe();
        let (phase, watched) = watch::channel(Phase::Open);
        let connections = self.settings.connections.max(1);
        let permits = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(Semaphore::MAX_PERMITS)));
        let drain_timeout = self.settings.drain_timeout();
        let tenants = Connections::new(self.settings.tenant_connections.max(1));
        let context = Context {
            host: self.host,
            is_local: listener.local_addr().is_ok_and(|address| address.ip().is_loopback()),
            settings: Arc::new(self.settings),
            connection: tenants.open(),
            connections: tenants,
            metrics: self.metrics,
            openapi: openapi::render(),
            phase: watched,
        };
        let tls = self.tls;
        let end = async {
            closing.await;
            phase.send_replace(Phase::Closing);
            drained.await;
        };
        tokio::select! {
            () = end => {}
            () = accept(&listener, &context, &permits, tls.as_ref()) => {}
            () = keep_metrics(context.metrics.as_ref()) => {}
            () = keep_fresh(tls.as_deref()) => {}
        }
        drop(listener);
        phase.send_replace(Phase::Drained);
        // A connection holds its permit until it ends: all permits back means that all have ended.
        if timeout(drain_timeout, permits.acquire_many(connections)).await.is_err() {
            phase.send_replace(Phase::Aborted);
        }
    }
}

async fn keep_fresh(tls: Option<&Tls>) {
    match tls {
        Some(tls) => tls.keep_fresh().await,
        None => std::future::pending().await,
    }
}

async fn keep_metrics(metrics: Option<&Metrics>) {
    match metrics {
        Some(metrics) => metrics.keep_up().await,
        None => std::future::pending().await,
    }
}

/// Accepts for as long as it is polled.
async fn accept(listener: &TcpListener, context: &Context, permits: &Arc<Semaphore>, tls: Option<&Arc<Tls>>) {
    // The semaphore is never closed, so this loop ends only by being dropped.
    while let Ok(permit) = Arc::clone(permits).acquire_owned().await {
        let stream = accept_one(listener).await;
        tokio::spawn(connection(stream, context.clone(), tls.cloned(), permit));
    }
}

async fn accept_one(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The client left before it was accepted; the next one can be accepted at once.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

async fn connection(stream: TcpStream, context: Context, tls: Option<Arc<Tls>>, permit: OwnedSemaphorePermit) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    match tls {
        None => converse(stream, context).await,
        Some(tls) => {
            if let Some(stream) = shake_hands(stream, &tls, &context).await {
                converse(stream, context).await;
            }
        }
    }
    drop(permit);
}

/// The stream under TLS; `None` if the client does not get that far in the time that it has for a request's head.
async fn shake_hands(stream: TcpStream, tls: &Tls, context: &Context) -> Option<TlsStream<TcpStream>> {
    let handshake = timeout(context.settings.header_read_timeout(), tls.acceptor().accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = context.reached(Phase::Drained) => return None,
    };
    match shaken {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection did not come to speak TLS");
            None
        }
        Err(_) => None,
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, context: Context) {
    let settings = Arc::clone(&context.settings);
    let phase = context.clone();
    let context = Context { connection: context.connections.open(), ..context };
    let service = service_fn(move |request: Request<Incoming>| {
        let context = context.clone();
        async move { Ok::<_, Infallible>(routes::answer(context, request.map(Body::new)).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_timeout())
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = phase.reached(Phase::Drained) => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = served => ended,
                () = phase.reached(Phase::Aborted) => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::HostSettings;
    use crate::vocab::Limits;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream as Client};
    use std::time::Instant;

    /// A server on a host that keeps everything in memory, and the switch that ends it.
    async fn start(settings: HttpSettings) -> (SocketAddr, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
        let limits = Limits { live_actors: 4, ..Limits::default() };
        let small = HostSettings { limits, ..HostSettings::default() };
        let host = Host::builder().settings(small).build().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, mut ended) = watch::channel(false);
        let closing = async move { drop(ended.wait_for(|end| *end).await) };
        let server = Server::new(host).settings(settings).serve(listener, closing, async {});
        (address, end, tokio::spawn(server))
    }

    fn connect(address: SocketAddr) -> Client {
        let client = Client::connect(address).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client
    }

    /// Sends a request and reads what comes first; empty when the connection was closed instead.
    fn ask(client: &mut Client, path: &str) -> String {
        write!(client, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = vec![0; 4_096];
        let bytes = client.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..bytes]).into_owned()
    }

    async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_is_kept_until_the_server_ends() {
        let (address, end, server) = start(HttpSettings::default()).await;
        let mut client = blocking(move || {
            let mut client = connect(address);
            assert!(ask(&mut client, "/healthz").starts_with("HTTP/1.1 200"));
            assert!(ask(&mut client, "/nowhere").contains("GR0016"));
            client
        })
        .await;
        end.send_replace(true);
        server.await.unwrap();
        assert_eq!(blocking(move || client.read(&mut [0; 1]).unwrap()).await, 0, "the idle connection was closed");
        assert!(blocking(move || Client::connect(address)).await.is_err(), "nobody listens any longer");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_next_request_is_answered_although_the_last_one_was_refused_before_its_body_came() {
        let (address, _end, _server) = start(HttpSettings::default()).await;
        blocking(move || {
            let mut client = connect(address);
            for (method, path) in [
                ("POST", "/nowhere"),
                ("DELETE", "/healthz"),
                ("POST", "/v1/default/actors/counter/a/increment?surprise=1"),
                ("PUT", "/v1/default/kinds/counter?activate=perhaps"),
                ("POST", "/v1/nobody/kinds/counter/activate"),
            ] {
                write!(client, "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n").unwrap();
                std::thread::sleep(Duration::from_millis(20));
                client.write_all(b"body").unwrap();
                let mut answer = vec![0; 4_096];
                let bytes = client.read(&mut answer).unwrap();
                let answer = String::from_utf8_lossy(&answer[..bytes]).into_owned();
                assert!(answer.starts_with("HTTP/1.1 4"), "{method} {path}: {answer}");
                assert!(ask(&mut client, "/healthz").starts_with("HTTP/1.1 200"), "{method} {path}");
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn connections_beyond_the_bound_wait_for_one_to_close() {
        let settings = HttpSettings { connections: 1, ..HttpSettings::default() };
        let (address, _end, _server) = start(settings).await;
        blocking(move || {
            let mut first = connect(address);
            assert!(ask(&mut first, "/healthz").contains("200"));
            let mut second = connect(address);
            second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            second.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            assert!(second.read(&mut [0; 16]).is_err(), "the second was served beside the first");
            drop(first);
            second.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            assert!(second.read(&mut [0; 16]).unwrap() > 0);
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_trickles_its_request_is_cut_off() {
        let settings = HttpSettings { header_read_timeout_ms: 200, ..HttpSettings::default() };
        let (address, _end, _server) = start(settings).await;
        blocking(move || {
            let mut client = connect(address);
            client.write_all(b"GET /healthz HTTP/1.1\r\nhost:").unwrap();
            let began = Instant::now();
            let mut rest = Vec::new();
            // A reset counts as closed too.
            let _ = client.read_to_end(&mut rest);
            assert!(began.elapsed() < Duration::from_secs(5), "the connection stayed open");
            assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_never_finishes_does_not_hold_up_the_end() {
        let settings = HttpSettings { drain_timeout_ms: 200, ..HttpSettings::default() };
        let (address, end, server) = start(settings).await;
        let _client = blocking(move || {
            let mut client = connect(address);
            let head = "PUT /v1/default/kinds/counter HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf";
            client.write_all(head.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(100));
            client
        })
        .await;
        let began = Instant::now();
        end.send_replace(true);
        server.await.unwrap();
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(150) && took < Duration::from_secs(5), "{took:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_tenants_connection_beyond_its_bound_is_told_so_and_closed() {
        let settings = HttpSettings { tenant_connections: 1, ..HttpSettings::default() };
        let (address, _end, _server) = start(settings).await;
        blocking(move || {
            let kinds = |client: &mut Client| {
                client.write_all(b"GET /v1/default/kinds HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
                let mut answer = vec![0; 4_096];
                let bytes = client.read(&mut answer).unwrap();
                String::from_utf8_lossy(&answer[..bytes]).into_owned()
            };
            let mut first = connect(address);
            assert!(kinds(&mut first).contains("200 OK") && kinds(&mut first).contains("200 OK"));
            let mut second = connect(address);
            let refused = kinds(&mut second);
            assert!(
                refused.contains("429") && refused.contains("GR0119") && refused.contains("retry-after"),
                "{refused}"
            );
            assert_eq!(second.read(&mut [0; 16]).unwrap(), 0, "the connection stayed open");
            assert!(ask(&mut connect(address), "/healthz").contains("200 OK"), "what is nobody's was refused");
            drop(first);
            let until = Instant::now() + Duration::from_secs(10);
            while !kinds(&mut connect(address)).contains("200 OK") {
                assert!(Instant::now() < until, "the place was not given back");
                std::thread::sleep(Duration::from_millis(5));
            }
        })
        .await;
    }
}
