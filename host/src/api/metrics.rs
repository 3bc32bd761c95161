//! The Prometheus recorder: where every room's metrics end up.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// How often samples are folded into the histograms, so that memory does not grow between two scrapes.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// From 50 µs (a group commit) to 30 s (the longest answer).
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];
/// From a small event to the largest snapshot.
const BYTES: &[f64] =
    &[64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];
/// Counts: batch sizes, events of a turn.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1_024.0, 8_192.0, 65_536.0, 1_048_576.0];

/// The process's metrics as `/metrics` shows them; cloning shares them.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Makes this the process's recorder. What was measured before is not in it.
    ///
    /// # Errors
    /// When the process has a recorder already.
    pub fn install() -> Result<Self, BuildError> {
        builder()?.install_recorder().map(Self)
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds samples into histograms for as long as it is polled.
    pub(super) async fn keep_up(&self) {
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        loop {
            tick.tick().await;
            self.0.run_upkeep();
        }
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets(COUNTS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES)
}

/// Counts one answered request.
pub(super) fn record_request(route: &'static str, status: u16, elapsed: Duration) {
    metrics::counter!("greenroom_http_requests_total", "route" => route, "status" => status.to_string()).increment(1);
    metrics::histogram!("greenroom_http_request_duration_seconds", "route" => route).record(elapsed.as_secs_f64());
}

/// Says what the HTTP metrics mean.
pub(super) fn describe() {
    metrics::describe_counter!("greenroom_http_requests_total", "HTTP requests answered, by route and status");
    metrics::describe_histogram!(
        "greenroom_http_request_duration_seconds",
        metrics::Unit::Seconds,
        "Time from a request's head to its response's head, by route"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_timed_in_buckets() {
        let recorder = builder().unwrap().build_recorder();
        let metrics = Metrics(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            describe();
            record_request("/v1/{tenant}/kinds", 200, Duration::from_micros(80));
            record_request("/v1/{tenant}/kinds", 404, Duration::from_millis(3));
        });
        let text = metrics.render();
        assert!(text.contains(r#"greenroom_http_requests_total{route="/v1/{tenant}/kinds",status="404"} 1"#), "{text}");
        let bucket = r#"greenroom_http_request_duration_seconds_bucket{route="/v1/{tenant}/kinds",le="0.0001"} 1"#;
        assert!(text.contains(bucket), "{text}");
    }
}
