//! A blocking client that keeps its connections.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{Event, Status};

/// No answer in this time is a failure of the test, not of the network.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The most that a test reads of one answer.
const ANSWER_BYTES_MAX: u64 = /* 64 MiB */ 64 * 1_024 * 1_024;

/// Talks to one server on behalf of one tenant. A clone shares the connections.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    tenant: String,
    key: Option<String>,
}

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type, or nothing.
    pub content_type: String,
    /// The value of `Retry-After`, if there was one.
    pub retry_after: Option<String>,
    /// Every header, by its name in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("status {}, not JSON: {}", self.status, self.text()))
    }

    /// The body of a success.
    ///
    /// # Errors
    /// When the status is another one; says which, and the body.
    pub fn ok(self) -> Result<Self> {
        if !(200..300).contains(&self.status) {
            bail!("status {}: {}", self.status, self.text());
        }
        Ok(self)
    }

    /// The stable error code of a problem.
    ///
    /// # Errors
    /// When the body is not a problem.
    pub fn code(&self) -> Result<String> {
        let problem = self.json()?;
        let code = problem.get("code").and_then(Value::as_str);
        code.map(str::to_owned).with_context(|| format!("status {}, no code: {problem}", self.status))
    }
}

impl Client {
    /// A client for the server at `url`, for the tenant `default`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(ANSWER_WITHIN))
            .max_idle_connections_per_host(64)
            .build();
        let url = url.trim_end_matches('/').to_owned();
        Self { agent: config.into(), url, tenant: "default".to_owned(), key: None }
    }

    /// On whose behalf it talks.
    #[must_use]
    pub fn tenant_name(&self) -> &str {
        &self.tenant
    }

    /// The same connections with a key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// Sends any request.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        answer(self.agent.run(request.body(body.to_vec()).context("no request")?))
    }

    fn signed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        }
    }

    /// The same connections for another tenant.
    #[must_use]
    pub fn tenant(&self, tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), ..self.clone() }
    }

    /// Deploys a component as the next revision of a kind.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn deploy(&self, kind: &str, component: &[u8]) -> Result<Answer> {
        let url = format!("{}/v1/{}/kinds/{kind}", self.url, self.tenant);
        answer(self.signed(self.agent.put(&url)).content_type("application/wasm").send(component))
    }

    /// Sends a command; `payload` is JSON text.
    ///
    /// # Errors
    /// When there is no answer: the command may have been handled or not.
    pub fn call(&self, kind: &str, key: &str, command: &str, payload: &str) -> Result<Answer> {
        self.call_with_key(kind, key, command, payload, None)
    }

    /// Sends a command under an idempotency key.
    ///
    /// # Errors
    /// When there is no answer: the command may have been handled or not.
    pub fn call_with_key(
        &self,
        kind: &str,
        key: &str,
        command: &str,
        payload: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Answer> {
        let url = format!("{}/{command}", self.actor_url(kind, key));
        let mut request = self.signed(self.agent.post(&url)).content_type("application/json");
        if let Some(idempotency_key) = idempotency_key {
            request = request.header("idempotency-key", idempotency_key);
        }
        answer(request.send(payload))
    }

    /// Asks for something that the operator does to an actor: `snapshot`, `passivate` or `release`.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn operate(&self, kind: &str, key: &str, what: &str) -> Result<Answer> {
        answer(self.signed(self.agent.post(&format!("{}:{what}", self.actor_url(kind, key)))).send_empty())
    }

    /// An actor's status.
    ///
    /// # Errors
    /// When there is no answer, or it is no status.
    pub fn status(&self, kind: &str, key: &str) -> Result<Status> {
        Status::read(&self.get(&self.actor_path(kind, key))?.ok()?.json()?)
    }

    /// An actor's state, now or after event `at`, with the sequence number it is from: `{"sequence", "state", …}`.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn state(&self, kind: &str, key: &str, at: Option<u64>) -> Result<Answer> {
        let query = at.map_or(String::new(), |at| format!("?at={at}"));
        self.get(&format!("{}/state{query}", self.actor_path(kind, key)))
    }

    /// At most `limit` events of an actor, from number `from` on.
    ///
    /// # Errors
    /// When there is no answer, or it is not a list of events.
    pub fn events(&self, kind: &str, key: &str, from: u64, limit: u64) -> Result<Vec<Event>> {
        let path = format!("{}/events?from={from}&limit={limit}", self.actor_path(kind, key));
        Event::read_lines(&self.get(&path)?.ok()?.text())
    }

    /// Reads any path.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer> {
        answer(self.signed(self.agent.get(&format!("{}{path}", self.url))).call())
    }

    fn actor_path(&self, kind: &str, key: &str) -> String {
        format!("/v1/{}/actors/{kind}/{}", self.tenant, percent_encode(key))
    }

    fn actor_url(&self, kind: &str, key: &str) -> String {
        format!("{}{}", self.url, self.actor_path(kind, key))
    }
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer> {
    let mut response = result.context("no answer")?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (content_type, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body =
        response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().context("the answer broke off")?;
    Ok(Answer { status: response.status().as_u16(), content_type, retry_after, headers, body })
}

/// Keys are any text; in a path, only the unreserved characters of RFC 3986 stand for themselves.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_for_a_path() {
        assert_eq!(percent_encode("a b/ä?~"), "a%20b%2F%C3%A4%3F~");
    }
}
