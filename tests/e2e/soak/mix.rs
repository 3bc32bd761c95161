//! What hostile tenants do, and how each must be answered.

/// A command of the hostile guest with a payload, how often it is in the mix, and the codes that may come back; no code
/// is a success.
#[derive(Debug, Clone, Copy)]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) payload: &'static str,
    pub(super) share: u32,
    pub(super) codes: &'static [&'static str],
}

const fn command(name: &'static str, share: u32, codes: &'static [&'static str]) -> Command {
    Command { name, payload: "", share, codes }
}

const FINE: &[&str] = &[];
const TRAPPED: &[&str] = &["GR0040"];
const OUT_OF_TIME: &[&str] = &["GR0041"];
const OUT_OF_MEMORY: &[&str] = &["GR0042"];
const CONTRADICTION: &[&str] = &["GR0043"];
const LIMIT: &[&str] = &["GR0044"];

/// Commands that end as a failure of the guest's own.
pub(super) const COMMANDS: &[Command] = &[
    command("add", 40, FINE),
    command("get", 20, FINE),
    command("print", 10, FINE),
    command("flood-log", 10, FINE),
    command("loop", 2, OUT_OF_TIME),
    command("sleep-forever", 1, OUT_OF_TIME),
    command("read-forever", 1, OUT_OF_TIME),
    command("random-forever", 1, OUT_OF_TIME),
    command("bomb-memory", 6, OUT_OF_MEMORY),
    command("huge-reply", 4, OUT_OF_MEMORY),
    command("many-events", 1, &["GR0041", "GR0042", "GR0044"]),
    command("poll-flood", 2, &["GR0041", "GR0044"]),
    command("bomb-handles", 10, LIMIT),
    command("recurse", 20, TRAPPED),
    command("trap", 30, TRAPPED),
    Command { name: "trap-with", payload: "a reason of my own", share: 10, codes: TRAPPED },
    command("exit", 20, TRAPPED),
    command("huge-random", 10, LIMIT),
    command("poll-nothing", 10, TRAPPED),
    command("bad-handle", 10, TRAPPED),
    command("flood-effects", 10, LIMIT),
    command("large-reply", 10, LIMIT),
    command("large-event", 10, LIMIT),
    command("large-frame", 5, &["GR0042", "GR0044"]),
    command("large-tell", 10, LIMIT),
    command("large-tells", 5, &["GR0042", "GR0044"]),
    command("unsorted-ends", 10, CONTRADICTION),
    command("ends-past-data", 10, CONTRADICTION),
    command("ends-before-data", 10, CONTRADICTION),
    command("miscount-events", 10, CONTRADICTION),
    command("unknown-type", 10, CONTRADICTION),
    command("few-replies", 10, CONTRADICTION),
    command("many-replies", 10, CONTRADICTION),
    command("few-appended", 10, CONTRADICTION),
    command("unknown-verdict", 10, CONTRADICTION),
    command("append-read-only", 10, CONTRADICTION),
    command("tell-read-only", 10, CONTRADICTION),
    command("append-rejected", 10, CONTRADICTION),
    command("tell-rejected", 10, CONTRADICTION),
    command("tell-out-of-batch", 10, CONTRADICTION),
    command("tell-illegal", 10, CONTRADICTION),
    Command { name: "tell-tenant", payload: "honest", share: 20, codes: CONTRADICTION },
    command("reject", 10, &["GR0007"]),
    command("malformed", 10, &["GR0005"]),
    command("no-such-command", 5, &["GR0004"]),
];

/// Actors that misbehave outside of `handle`: sooner or later they cannot be brought back.
pub(super) const KEYS: &[&str] = &[
    "loop-in-start",
    "trap-in-start",
    "refuse-start",
    "recurse-in-start",
    "effect-in-start",
    "loop-in-replay",
    "trap-in-replay",
    "effect-in-replay",
    "random-in-replay",
    "loop-in-recovered",
    "loop-in-capture",
    "refuse-capture",
    "large-capture",
    "trap-at-snapshot",
    "refuse-snapshot",
    "trap-in-inspect",
    "prose-in-inspect",
];

/// What may come of any call to such an actor, beside success.
pub(super) const FAILURES: &[&str] =
    &["GR0010", "GR0040", "GR0041", "GR0042", "GR0043", "GR0044", "GR0045", "GR0046", "GR0047", "GR0048", "GR0051"];

/// What may be answered instead on a machine that is busy: whatever a guest does may take longer than it may.
pub(super) const PUT_OFF: &[&str] = &["GR0008", "GR0013", "GR0041", "GR0051", "GR0118", "GR0121"];

/// Requests that are no proper ones: method, path, body, codes. `{own}` is the caller's tenant.
pub(super) const REQUESTS: &[(&str, &str, &[u8], &[&str])] = &[
    ("GET", "/v1/honest/kinds", b"", &["GR0103"]),
    ("POST", "/v1/honest/actors/counter/0-0/increment", b"{\"by\": 1000}", &["GR0103"]),
    ("GET", "/v1/honest/actors/counter/0-0/state", b"", &["GR0103"]),
    ("GET", "/v1/honest/actors/counter/0-0/events", b"", &["GR0103"]),
    ("PUT", "/v1/honest/kinds/counter", b"anything", &["GR0103"]),
    ("GET", "/v1/nobody/kinds", b"", &["GR0103"]),
    ("GET", "/metrics", b"", &["GR0103"]),
    ("GET", "/v1/-/tenants", b"", &["GR0103"]),
    ("POST", "/v1/-/store:verify", b"", &["GR0103"]),
    ("PATCH", "/v1/{own}", b"{\"weight\": 1000}", &["GR0103"]),
    ("POST", "/v1/{own}/keys", b"{\"scopes\": [", &["GR0014"]),
    ("GET", "/v1/{own}/actors/hostile/%ff", b"", &["GR0014"]),
    ("GET", "/v1/{own}/actors/hostile/a/b/c", b"", &["GR0016"]),
    ("DELETE", "/v1/{own}/actors/hostile/a", b"", &["GR0015"]),
    ("GET", "/v1/{own}/actors/hostile/a/events?from=-1", b"", &["GR0014"]),
];

/// Files that are no components, and their codes.
pub(super) const UPLOADS: &[(&str, &[&str])] = &[
    ("text", &["GR0020"]),
    ("core-module", &["GR0020"]),
    ("truncated", &["GR0020"]),
    ("zeros", &["GR0023", "GR0020"]),
];
