//! `POST …/{key}/{command}`: sends a command and answers with the actor's reply.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use tokio::time::timeout;

use super::access::Access;
use super::body::{self, BodyLimit};
use super::context::Context;
use super::problem::Problem;
use super::route::{GUEST, KIND, READ, RECOVERY, RequestPayload, Route, Success, TROUBLE, Verb, WRITE};
use crate::runtime::{Command, Reply};
use crate::vocab::{Address, Code, Limit, Scope, Tenant};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SEQUENCE: HeaderName = HeaderName::from_static("greenroom-sequence");
/// Headers with this prefix reach the actor. An allow-list, because an actor may be somebody else's code and a
/// request carries credentials.
const ACTOR_HEADER_PREFIX: &str = "actor-";
/// Other headers that reach the actor: what tracing and content negotiation need.
const ACTOR_HEADERS: [&str; 4] = ["content-type", "accept-language", "traceparent", "tracestate"];

pub(super) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/actors/{kind}/{key}/{command}",
    name: "ask",
    about: "Sends a command. The reply is durable when it arrives, as the server's durability mode defines it.",
    access: Access::Owner(Scope::Call),
    headers: &[
        (
            "Idempotency-Key",
            "A repeated command with the same key is not handled twice: it gets the first one's reply.",
        ),
        (
            "Actor-*",
            "Reaches the actor, as do Content-Type, Accept-Language, traceparent and tracestate; no others do.",
        ),
    ],
    query: &[],
    body: Some(RequestPayload {
        content_type: "application/json",
        about: "The command's payload as the actor decodes it, at most limits.command_bytes.",
        required: false,
    }),
    success: Success {
        content_type: "application/json",
        schema: None,
        about: "The actor's reply, byte for byte.",
        headers: &[("Greenroom-Sequence", "Where the actor's journal ended after the command.")],
    },
    errors: &[
        KIND,
        READ,
        WRITE,
        GUEST,
        RECOVERY,
        TROUBLE,
        &[
            Code::UnknownCommand,
            Code::MalformedPayload,
            Code::PayloadTooLarge,
            Code::Rejected,
            Code::InvalidIdempotencyKey,
            Code::TimedOut,
            Code::CommandQuota,
            Code::ActorQuota,
            Code::LiveActorQuota,
            Code::MemoryQuota,
            Code::HostMemory,
            Code::JournalQuota,
            Code::JournalGrowthQuota,
            Code::CpuQuota,
            Code::TenantBusy,
        ],
    ],
};

pub(super) async fn answer(
    context: &Context,
    address: Address,
    name: String,
    request: Request,
) -> Result<Response, Problem> {
    let idempotency_key = idempotency_key(request.headers())?;
    let headers = actor_headers(request.headers());
    let actor = context.host.actor(address);
    let payload = body::read(request, payload_limit(context, actor.limits().command_bytes, actor.tenant())).await?;
    let command = Command { idempotency_key, headers, ..Command::new(name, payload) };
    match timeout(context.settings.answer_timeout(), actor.ask(command)).await {
        Ok(reply) => Ok(respond(reply?)),
        Err(_) => {
            let ms = context.settings.answer_timeout_ms;
            Err(Problem::new(Code::TimedOut, format!("no answer within {ms} ms (http.answer_timeout_ms)")))
        }
    }
}

fn payload_limit<'a>(context: &Context, bytes: u32, tenant: &'a Tenant) -> BodyLimit<'a> {
    BodyLimit {
        bytes,
        timeout: context.settings.body_read_timeout(),
        what: "payload",
        setting: "limits.command_bytes",
        hit: Some((tenant, Limit::CommandBytes)),
        code: Code::PayloadTooLarge,
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let refused = |detail: &str| Problem::new(Code::InvalidIdempotencyKey, detail);
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.next().is_some() {
        return Err(refused("the request has two Idempotency-Key headers; send one"));
    }
    let key = std::str::from_utf8(key.as_bytes()).map_err(|_| refused("the Idempotency-Key is not UTF-8 text"))?;
    if key.is_empty() {
        return Err(refused("the Idempotency-Key is empty; leave the header out, or send a key"));
    }
    Ok(Some(key.to_owned()))
}

fn actor_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(ACTOR_HEADER_PREFIX) || ACTOR_HEADERS.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn respond(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.payload));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(SEQUENCE, HeaderValue::from(reply.sequence.0));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Sequence;
    use bytes::Bytes;

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &[u8])| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn credentials_do_not_reach_the_actor() {
        let all = headers(&[
            ("authorization", b"Bearer x"),
            ("cookie", b"a=b"),
            ("x-api-key", b"k"),
            ("actor-region", b"eu"),
            ("traceparent", b"00-1-2-01"),
        ]);
        let names: Vec<_> = actor_headers(&all).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["actor-region", "traceparent"]);
    }

    #[test]
    fn an_idempotency_key_is_one_text_that_is_not_empty() {
        let key = |pairs: &[(&'static str, &[u8])]| idempotency_key(&headers(pairs)).map_err(|p| p.code());
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[("idempotency-key", "ключ".as_bytes())]), Ok(Some("ключ".into())));
        assert_eq!(key(&[("idempotency-key", b"")]), Err(Code::InvalidIdempotencyKey));
        assert_eq!(key(&[("idempotency-key", b"\xff")]), Err(Code::InvalidIdempotencyKey));
        assert_eq!(key(&[("idempotency-key", b"a"), ("idempotency-key", b"a")]), Err(Code::InvalidIdempotencyKey));
    }

    #[test]
    fn a_reply_is_the_payload_with_its_sequence() {
        let response = respond(Reply { payload: Bytes::from_static(b"{\"value\":7}"), sequence: Sequence(42) });
        assert_eq!(response.headers()["greenroom-sequence"], "42");
        assert_eq!(response.headers()["content-type"], "application/json");
    }
}
