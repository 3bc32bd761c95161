//! `POST /v1/{tenant}/kinds/{kind}:activate`: has actors run a revision.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::operator;
use crate::api::access::Access;
use crate::api::context::Context;
use crate::api::json_body;
use crate::api::problem::Problem;
use crate::api::route::{GUEST, KIND, READ, RequestPayload, Route, Success, Verb, WRITE};
use crate::runtime::{Activation, Identity, Whom};
use crate::vocab::{Code, Kind, Scope, Tenant};

pub(in crate::api) static ROUTE: Route = Route {
    verb: Verb::Post,
    template: "/v1/{tenant}/kinds/{kind}:activate",
    name: "activateRevision",
    about: "Has actors of a kind run a revision: everybody, a share, a share that grows, or some by name. Live ones change \
            over one after the other, without losing a command; others when they are called. The colon is literal.",
    access: Access::Owner(Scope::Deploy),
    headers: &[],
    query: &[],
    body: Some(RequestPayload {
        content_type: "application/json",
        about: "`revision` (else the newest); one of `percent`, `stages` (percentages) with `pause_ms`, `actors` (keys), \
                `paused` (stops the ramp, or lets it go on), or none: everybody; `failures_actors` and `failures_percent`, from \
                which on it is taken back (else as the settings say); `reason`.",
        required: false,
    }),
    success: Success {
        content_type: "application/json",
        schema: Some("Rollout"),
        about: "How the rollout goes.",
        headers: &[],
    },
    errors: &[
        KIND,
        READ,
        WRITE,
        GUEST,
        &[
            Code::RolloutUnderWay,
            Code::NoRollout,
            Code::UnknownRevision,
            Code::CompileFailed,
            Code::CompilerUnavailable,
            Code::InvalidAddress,
            Code::ShuttingDown,
            Code::PayloadTooLarge,
        ],
    ],
};

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Body {
    revision: Option<u32>,
    percent: Option<f64>,
    stages: Option<Vec<f64>>,
    pause_ms: Option<u64>,
    actors: Option<Vec<String>>,
    paused: Option<bool>,
    failures_actors: Option<u32>,
    failures_percent: Option<u32>,
    reason: String,
}

impl Body {
    fn whom(&self) -> Result<Whom, Problem> {
        let wrong = |detail: &str| Err(Problem::new(Code::InvalidRequest, detail));
        if self.pause_ms.is_some() && self.stages.is_none() {
            return wrong("pause_ms belongs to stages");
        }
        if self.failures_percent.is_some_and(|percent| percent > 100) {
            return wrong("failures_percent is over 100");
        }
        match (self.percent, &self.stages, &self.actors, self.paused) {
            (None, None, None, None) => Ok(Whom::Now),
            (Some(percent), None, None, None) => Ok(Whom::Percent(percent)),
            (None, Some(percents), None, None) => {
                let pause = Duration::from_millis(self.pause_ms.unwrap_or_default());
                Ok(Whom::Ramp { percents: percents.clone(), pause })
            }
            (None, None, Some(actors), None) => Ok(Whom::Actors(actors.clone())),
            (None, None, None, Some(true)) => Ok(Whom::Pause),
            (None, None, None, Some(false)) => Ok(Whom::Resume),
            _ => wrong("percent, stages, actors and paused exclude each other"),
        }
    }
}

pub(in crate::api) async fn answer(
    context: &Context,
    caller: &Identity,
    (tenant, kind): (Tenant, Kind),
    request: Request,
) -> Result<Response, Problem> {
    let body: Body = json_body::read(context, request).await?;
    let activation = Activation {
        revision: body.revision,
        whom: body.whom()?,
        failures_actors: body.failures_actors,
        failures_percent: body.failures_percent,
        by: operator(caller, body.reason)?,
    };
    Ok(Json(context.host.activate(&tenant, &kind, &activation).await?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whom(body: &str) -> Result<Whom, String> {
        let body: Body = serde_json::from_str(body).map_err(|error| error.to_string())?;
        body.whom().map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn a_body_says_whom_it_is_for() {
        assert_eq!(whom("{}"), Ok(Whom::Now));
        assert_eq!(whom(r#"{"percent": 1.5, "revision": 2}"#), Ok(Whom::Percent(1.5)));
        let ramp = Whom::Ramp { percents: vec![1.0, 100.0], pause: Duration::from_millis(30) };
        assert_eq!(whom(r#"{"stages": [1, 100], "pause_ms": 30}"#), Ok(ramp));
        assert_eq!(whom(r#"{"actors": ["a"]}"#), Ok(Whom::Actors(vec!["a".to_owned()])));
        assert_eq!((whom(r#"{"paused": true}"#), whom(r#"{"paused": false}"#)), (Ok(Whom::Pause), Ok(Whom::Resume)));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for body in [
            r#"{"percent": 1, "actors": ["a"]}"#,
            r#"{"percent": 1, "paused": true}"#,
            r#"{"pause_ms": 1}"#,
            r#"{"failures_percent": 101}"#,
            r#"{"nonsense": 1}"#,
        ] {
            assert!(whom(body).is_err(), "{body}");
        }
    }
}
