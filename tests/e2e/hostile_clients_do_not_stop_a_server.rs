//! What arrives on the wire may be anything; afterwards the server answers as before.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::setting::{Stage, value};

/// Few connections and short times: what takes longer than these is cut off.
const SETTINGS: &str = "
http.connections = 32
http.header_read_timeout_ms = 500
http.body_read_timeout_ms = 500
limits.live_actors = 64
";
/// How long a good call may take beside or after hostile clients.
const SERVED_WITHIN: Duration = Duration::from_secs(20);

fn scene() -> Result<Stage> {
    Stage::with_settings(&["counter"], SETTINGS)
}

fn connect(stage: &Stage) -> Result<TcpStream> {
    let address = stage.server.url().strip_prefix("http://").context("no address")?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SERVED_WITHIN))?;
    stream.set_write_timeout(Some(SERVED_WITHIN))?;
    Ok(stream)
}

/// Sends bytes, ends the sending side if that is what the client does, and reads until the server closes.
fn exchange(stage: &Stage, bytes: &[u8], ends: bool) -> Result<String> {
    let mut stream = connect(stage)?;
    // A server that has seen enough may close before everything is sent, with a reset: what it said counts.
    let _sent = stream.write_all(bytes);
    if ends {
        let _ended = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _read = stream.take(1 << 20).read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A call of an honest client is right, and soon.
fn serves(stage: &Stage, expected: u64) -> Result<()> {
    let began = Instant::now();
    let found = value(stage.server.client().call("counter", "honest", "increment", r#"{"by": 1}"#)?)?;
    ensure!(found == expected, "{found} is not {expected}");
    ensure!(began.elapsed() < SERVED_WITHIN, "it took {:?}", began.elapsed());
    Ok(())
}

#[test]
fn slow_clients_are_cut_off_and_others_get_their_turn() -> Result<()> {
    let stage = scene()?;
    serves(&stage, 1)?;
    // More than there is room for, each sending a little of a head and then nothing.
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = connect(&stage)?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-")?;
        slow.push(stream);
    }
    serves(&stage, 2)?;
    for mut stream in slow {
        let mut rest = Vec::new();
        let _read = stream.read_to_end(&mut rest);
        ensure!(!String::from_utf8_lossy(&rest).contains("200 OK"), "a head that never ended was answered");
    }
    serves(&stage, 3)
}

#[test]
fn bodies_that_never_end_are_refused_with_a_code() -> Result<()> {
    let stage = scene()?;
    let post = "POST /v1/default/actors/counter/a/increment HTTP/1.1\r\nhost: localhost\r\n";
    let stalled = exchange(&stage, format!("{post}content-length: 100\r\n\r\n{{\"by\"").as_bytes(), false)?;
    ensure!(stalled.contains(" 400 ") && stalled.contains("GR0014"), "{stalled}");
    // Chunks without end: over the limit of a command, long before the 64 MiB that are offered.
    let mut endless = format!("{post}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..1_024 {
        endless.extend_from_slice(b"10000\r\n");
        endless.extend_from_slice(&[b' '; 65_536]);
        endless.extend_from_slice(b"\r\n");
    }
    let refused = exchange(&stage, &endless, false)?;
    // Whoever goes on sending may see a reset instead of the answer.
    ensure!(refused.is_empty() || refused.contains("GR0006"), "{refused}");
    let announced = exchange(&stage, format!("{post}content-length: 9999999999999\r\n\r\n").as_bytes(), false)?;
    ensure!(announced.contains("413") && announced.contains("GR0006"), "{announced}");
    serves(&stage, 1)
}

#[test]
fn what_is_no_request_is_refused_and_nothing_behind_it_is_heard() -> Result<()> {
    let stage = scene()?;
    let smuggled =
        "POST /v1/default/actors/counter/smuggled/increment HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
    let huge = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-huge: {}\r\n\r\n", "h".repeat(1 << 20));
    let many: String = (0..2_000).map(|number| format!("x-{number}: 1\r\n")).collect();
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "p".repeat(1 << 20));
    let post = "POST /v1/default/actors/counter/a/increment HTTP/1.1\r\nhost: localhost\r\n";
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a huge head", huge.into_bytes()),
        ("many headers", format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n").into_bytes()),
        ("a long path", long.into_bytes()),
        ("no text", b"\x00\x01\x02\xff\xfe\r\n\r\n".to_vec()),
        ("a path that is no UTF-8", b"GET /v1/default/actors/counter/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(50)),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("HTTP/0.9", b"GET /healthz\r\n\r\n".to_vec()),
        ("chunks that are none", format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\n{smuggled}").into_bytes()),
        ("a negative length", format!("{post}content-length: -1\r\n\r\n{smuggled}").into_bytes()),
        ("two lengths", format!("{post}content-length: 0\r\ncontent-length: 5\r\n\r\n{smuggled}").into_bytes()),
        ("an overflow", format!("{post}content-length: 18446744073709551616\r\n\r\n{smuggled}").into_bytes()),
        ("a folded header", format!("{post}x-a: 1\r\n content-length: 0\r\n\r\n{smuggled}").into_bytes()),
        ("a space before the colon", format!("{post}content-length : 0\r\n\r\n{smuggled}").into_bytes()),
        ("an unknown coding", format!("{post}transfer-encoding: gzip, identity\r\n\r\n{smuggled}").into_bytes()),
    ];
    for (what, bytes) in cases {
        let answer = exchange(&stage, &bytes, true)?;
        ensure!(!answer.contains(" 200 OK") && !answer.contains(" 500 "), "{what}: {answer}");
    }
    // Both lengths at once: one reading or a refusal, but never a second request out of the first one's body.
    let both = format!("{post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    let answer = exchange(&stage, both.as_bytes(), true)?;
    ensure!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
    let smuggled = stage.client.get("/v1/default/actors/counter/smuggled")?;
    ensure!(smuggled.code()? == "GR0010", "a request was heard inside of another: {}", smuggled.text());
    serves(&stage, 1)
}

#[test]
fn a_flood_of_pipelined_requests_is_answered_in_order() -> Result<()> {
    let stage = scene()?;
    let mut stream = connect(&stage)?;
    let mut sender = stream.try_clone()?;
    let count = 5_000_usize;
    let sending = std::thread::Builder::new().name("sender".to_owned()).spawn(move || {
        for number in 0..count {
            let path = if number % 2 == 0 { "/healthz" } else { "/nowhere" };
            let last = if number + 1 == count { "connection: close\r\n" } else { "" };
            // All of them, before anything is read.
            write!(sender, "GET {path} HTTP/1.1\r\nhost: localhost\r\n{last}\r\n")?;
        }
        std::io::Result::Ok(())
    })?;
    let mut answers = String::new();
    stream.read_to_string(&mut answers)?;
    sending.join().ok().context("the sender panicked")??;
    let statuses: Vec<&str> =
        answers.match_indices("HTTP/1.1 ").map(|(at, _)| answers.get(at + 9..at + 12).unwrap_or_default()).collect();
    ensure!(statuses.len() == count, "{} answers", statuses.len());
    let in_order = statuses.chunks(2).all(|pair| matches!(pair, ["200", "404"]));
    ensure!(in_order, "answers are out of order");
    serves(&stage, 1)
}

#[test]
fn connections_that_say_nothing_or_break_off_leave_nothing_behind() -> Result<()> {
    let stage = scene()?;
    for round in 0..300 {
        let mut stream = connect(&stage)?;
        match round % 3 {
            0 => {}
            1 => stream.write_all(b"POST /v1/default/actors/counter/gone/increment HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{")?,
            // The whole request, and nobody who reads the answer.
            _ => stream.write_all(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n")?,
        }
        drop(stream);
    }
    serves(&stage, 1)?;
    let gone = stage.client.get("/v1/default/actors/counter/gone")?;
    ensure!(gone.code()? == "GR0010", "half a request was handled: {}", gone.text());
    Ok(())
}

#[test]
fn thousands_of_keys_do_not_exceed_the_room_for_actors() -> Result<()> {
    let stage = scene()?;
    for number in 0..2_000 {
        stage.client.call("counter", &format!("key-{number}"), "get", "{}")?.ok()?;
    }
    let metrics = stage.client.get("/metrics")?.ok()?.text();
    let live = metrics.lines().find_map(|line| line.strip_prefix("greenroom_live_actors ")).context("no figure")?;
    ensure!(live.trim().parse::<u64>()? <= 64, "{live} live actors");
    // A key that only was read about is not in the store.
    let listed = stage.client.get("/v1/default/actors/counter")?.ok()?.json()?;
    ensure!(listed.get("actors").and_then(|actors| actors.as_array()).is_none_or(Vec::is_empty), "{listed}");
    serves(&stage, 1)
}
