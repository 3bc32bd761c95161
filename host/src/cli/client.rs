//! The HTTP interface as its caller sees it: blocking, one request at a time.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderName, Response};
use ureq::typestate::WithBody;
use ureq::{Agent, Body, Error, RequestBuilder, SendBody};

use super::arguments::Target;
use super::failure::Failure;
use super::secret::Secret;
use super::transport;
use crate::api::encode_segment;
use crate::vocab::{Code, Kind, Tenant};

/// A server that cannot be connected to by then is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Longer than a server lets a command or a compilation take.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);
/// The most that is read of one answer; the server's own limits on replies and states are lower.
const ANSWER_BYTES_MAX: u64 = /* 256 MiB */ 256 * 1_024 * 1_024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Talks to one server on behalf of one tenant.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    url: String,
    tenant: Tenant,
    key: Option<Secret>,
}

/// An answer: as it came, and as far as this program understands it.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) raw: String,
    pub(super) view: T,
}

/// An actor's reply.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) payload: Vec<u8>,
    pub(super) sequence: Option<u64>,
}

/// Whether a lost answer leaves open what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Reads,
    Writes,
}

impl Client {
    /// A client for the server at `url`; `trusted` is the file of who may have signed its certificate.
    ///
    /// # Errors
    /// When the URL is not one that this program can use.
    pub(super) fn new(
        url: &str,
        tenant: &Tenant,
        key: Option<Secret>,
        trusted: Option<&Path>,
    ) -> Result<Self, Failure> {
        let tls = transport::choose(url, trusted, key.is_some())?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .tls_config(tls)
            .timeout_connect(Some(CONNECT_WITHIN))
            .timeout_recv_response(Some(ANSWER_WITHIN))
            .user_agent(concat!("greenroom/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), url: url.trim_end_matches('/').to_owned(), tenant: tenant.clone(), key })
    }

    /// On whose behalf it talks.
    pub(super) const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Reads a path below the tenant, with a query.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<Answer<T>, Failure> {
        self.view(self.open(&self.of(path), query)?)
    }

    /// Reads lines from a path below the tenant as they come.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn lines(&self, path: &str, query: &[(&str, String)]) -> Result<impl BufRead + use<>, Failure> {
        Ok(BufReader::new(self.open(&self.of(path), query)?.into_body().into_reader()))
    }

    /// Reads the lines that something below `/v1` answers with as it works.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn work(&self, path: &str) -> Result<impl BufRead + use<>, Failure> {
        let sent = self.authorized(self.agent.post(&self.below(path))).send_empty();
        // It changes nothing, so a lost answer leaves nothing open.
        Ok(BufReader::new(self.checked(sent, Effect::Reads)?.into_body().into_reader()))
    }

    /// Sends bytes to something below the tenant that changes nothing, and reads the lines that it answers with as it works.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn work_on(
        &self,
        path: &str,
        query: &[(&str, String)],
        bytes: &[u8],
    ) -> Result<impl BufRead + use<>, Failure> {
        let request = self.authorized(self.agent.post(&with_query(&self.of(path), query)));
        let sent = request.content_type("application/wasm").send(bytes);
        Ok(BufReader::new(self.checked(sent, Effect::Reads)?.into_body().into_reader()))
    }

    /// Reads the bytes that something below the tenant gives out, which changes nothing.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn download(&self, path: &str, query: &[(&str, String)]) -> Result<impl Read + use<>, Failure> {
        let sent = self.authorized(self.agent.post(&with_query(&self.of(path), query))).send_empty();
        Ok(self.checked(sent, Effect::Reads)?.into_body().into_reader())
    }

    /// Sends a command.
    ///
    /// # Errors
    /// The actor's rejection, the server's problem, or that there is no answer.
    pub(super) fn call(
        &self,
        target: &Target,
        command: &str,
        payload: &[u8],
        idempotency_key: Option<&str>,
    ) -> Result<Reply, Failure> {
        let url = self.of(&format!("{}/{}", actor_path(target), encode_segment(command)));
        let mut request = self.authorized(self.agent.post(&url)).content_type("application/json");
        if let Some(key) = idempotency_key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let response = self.checked(request.send(payload), Effect::Writes)?;
        let sequence = response.headers().get("greenroom-sequence");
        let sequence = sequence.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Reply { payload: self.body(response, Effect::Writes)?, sequence })
    }

    /// Asks for something that an operator does to an actor.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn operate(&self, target: &Target, verb: &str) -> Result<Vec<u8>, Failure> {
        let url = self.of(&format!("{}:{verb}", actor_path(target)));
        let response = self.checked(self.authorized(self.agent.post(&url)).send_empty(), Effect::Writes)?;
        self.body(response, Effect::Writes)
    }

    /// Uploads a component of `bytes` bytes; `query` says what becomes of it.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn deploy<T: DeserializeOwned>(
        &self,
        kind: &Kind,
        (component, bytes): (&mut dyn Read, u64),
        query: &str,
    ) -> Result<Answer<T>, Failure> {
        let request = self.authorized(self.agent.put(&self.of(&format!("kinds/{kind}{query}"))));
        let request = request.content_type("application/wasm").header("content-length", bytes);
        let response = request.send(SendBody::from_reader(component));
        self.view(self.checked(response, Effect::Writes)?)
    }

    /// Uploads a component of `bytes` bytes, to hear what a deploy of it would come to.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn check<T: DeserializeOwned>(
        &self,
        kind: &Kind,
        component: &mut dyn Read,
        bytes: u64,
    ) -> Result<Answer<T>, Failure> {
        let request = self.authorized(self.agent.post(&self.of(&format!("kinds/{kind}:check"))));
        let request = request.content_type("application/wasm").header("content-length", bytes);
        let response = request.send(SendBody::from_reader(component));
        self.view(self.checked(response, Effect::Reads)?)
    }

    /// The document as a view.
    ///
    /// # Errors
    /// That the server is not one of ours.
    pub(super) fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, Failure> {
        serde_json::from_str(text).map_err(|error| self.not_ours(&error.to_string()))
    }

    fn open(&self, url: &str, query: &[(&str, String)]) -> Result<Response<Body>, Failure> {
        self.checked(self.authorized(self.agent.get(&with_query(url, query))).call(), Effect::Reads)
    }

    /// Reads a path below `/v1`, with a query.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn read<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<Answer<T>, Failure> {
        self.view(self.open(&self.below(path), query)?)
    }

    /// Sends JSON to a path below `/v1`, to create something there.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<Answer<T>, Failure> {
        self.send_json(self.agent.put(&self.below(path)), Some(body))
    }

    /// Sends JSON to a path below `/v1`, to change what is there.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<Answer<T>, Failure> {
        self.send_json(self.agent.patch(&self.below(path)), Some(body))
    }

    /// Sends JSON, or nothing, to a path below `/v1`.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: Option<&Value>) -> Result<Answer<T>, Failure> {
        self.send_json(self.agent.post(&self.below(path)), body)
    }

    /// Deletes what a path below `/v1` names.
    ///
    /// # Errors
    /// The server's problem, or that there is no answer.
    pub(super) fn delete(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let request = self.authorized(self.agent.delete(&self.below(path)));
        let response = self.checked(request.call(), Effect::Writes)?;
        self.body(response, Effect::Writes)
    }

    fn send_json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder<WithBody>,
        body: Option<&Value>,
    ) -> Result<Answer<T>, Failure> {
        let request = self.authorized(request);
        let sent = match body {
            Some(body) => request.content_type("application/json").send(body.to_string()),
            None => request.send_empty(),
        };
        self.view(self.checked(sent, Effect::Writes)?)
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, key.bearer()),
            None => request,
        }
    }

    fn below(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.url)
    }

    fn of(&self, path: &str) -> String {
        format!("{}/v1/{}/{path}", self.url, self.tenant)
    }

    /// A success, or the problem that the server answered with.
    fn checked(&self, result: Result<Response<Body>, Error>, effect: Effect) -> Result<Response<Body>, Failure> {
        let response = result.map_err(|error| self.no_answer(&error, effect))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = self.body(response, effect)?;
        let text = String::from_utf8_lossy(&body);
        Err(Failure::from_document(&text).unwrap_or_else(|| self.not_ours(&format!("it answered {status}"))))
    }

    fn view<T: DeserializeOwned>(&self, response: Response<Body>) -> Result<Answer<T>, Failure> {
        let raw = String::from_utf8_lossy(&self.body(response, Effect::Reads)?).into_owned();
        Ok(Answer { view: self.parse(&raw)?, raw })
    }

    fn body(&self, mut response: Response<Body>, effect: Effect) -> Result<Vec<u8>, Failure> {
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        body.map_err(|error| self.no_answer(&error, effect))
    }

    fn no_answer(&self, error: &Error, effect: Effect) -> Failure {
        let url = &self.url;
        if effect == Effect::Reads || never_sent(error) {
            return Failure::new(Code::Unreachable, format!("no answer from {url}: {error}; is the server running?"));
        }
        Failure::new(Code::TimedOut, format!("the request was sent to {url}, then the answer failed: {error}"))
    }

    fn not_ours(&self, reason: &str) -> Failure {
        let detail = format!("{} does not answer like a Greenroom server: {reason}; check --url", self.url);
        Failure::new(Code::Unreachable, detail)
    }
}

fn with_query(url: &str, query: &[(&str, String)]) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode_segment(value))).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{url}{mark}{}", pairs.join("&"))
}

/// Whether the request certainly did not reach a server.
fn never_sent(error: &Error) -> bool {
    match error {
        Error::HostNotFound | Error::ConnectionFailed | Error::BadUri(_) | Error::Http(_) => true,
        Error::Timeout(timeout) => matches!(timeout, ureq::Timeout::Connect | ureq::Timeout::Resolve),
        Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

/// The path of an actor below the tenant.
pub(super) fn actor_path(target: &Target) -> String {
    format!("actors/{}/{}", target.kind, encode_segment(target.key.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    /// A server that gives one answer and remembers the head of the request.
    fn one_answer(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).unwrap();
            }
            stream.write_all(answer.as_bytes()).unwrap();
            head
        };
        (url, std::thread::Builder::new().spawn(serve).unwrap())
    }

    fn client(url: &str) -> Client {
        Client::new(url, &Tenant::default_tenant(), None, None).unwrap()
    }

    fn code(failure: &Failure) -> String {
        let text = format!("{failure:?}");
        text.split("code: \"").nth(1).unwrap()[..6].to_owned()
    }

    #[test]
    fn a_key_is_one_segment_whatever_it_holds() {
        let target: Target = "counter/../a b:snapshot".parse().unwrap();
        assert_eq!(actor_path(&target), "actors/counter/%2E%2E%2Fa%20b%3Asnapshot");
    }

    #[test]
    fn a_command_carries_its_idempotency_key_and_gets_its_sequence() {
        let (url, server) = one_answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ngreenroom-sequence: 9\r\n\r\n{}");
        let reply = client(&url).call(&"counter/c-1".parse().unwrap(), "add", b"{}", Some("k1")).unwrap();
        assert_eq!((reply.payload.as_slice(), reply.sequence), (b"{}".as_slice(), Some(9)));
        let head = server.join().unwrap().to_lowercase();
        assert!(
            head.starts_with("post /v1/default/actors/counter/c%2d1/add http/1.1")
                || head.starts_with("post /v1/default/actors/counter/c-1/add "),
            "{head}"
        );
        assert!(head.contains("idempotency-key: k1"));
    }

    #[test]
    fn nobody_there_and_no_answer_are_told_apart() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let target: Target = "counter/c-1".parse().unwrap();
        let refused = client(&format!("http://{free}")).call(&target, "add", b"{}", None).unwrap_err();
        assert_eq!(code(&refused), "GR0084");
        let (url, _server) = one_answer("");
        let lost = client(&url).call(&target, "add", b"{}", None).unwrap_err();
        assert_eq!(code(&lost), "GR0013");
    }

    #[test]
    fn something_else_on_the_port_is_not_mistaken_for_a_server() {
        let (url, _server) = one_answer("HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nnope\n");
        let failure = client(&url).get::<serde_json::Value>("kinds", &[]).unwrap_err();
        assert!(format!("{failure:?}").contains("does not answer like a Greenroom server"));
    }

    #[test]
    fn other_schemes_are_refused_at_once() {
        assert_eq!(
            code(&Client::new("ftp://example.com", &Tenant::default_tenant(), None, None).unwrap_err()),
            "GR0084"
        );
    }
}
