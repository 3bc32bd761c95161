use anyhow::{Result, ensure};
use greenroom_host::runtime::{Command, RecordingSettings, RehearsalOptions, RehearsalVerdict};
use greenroom_host::vocab::Sequence;
use greenroom_kit::TestHost;
use serde_json::json;

use super::scene::{KIND, Told, add, all, eager, rehearse, version};

fn with_commands() -> RehearsalOptions {
    let mut options = all();
    options.commands = true;
    options
}

async fn stage() -> Result<TestHost> {
    let host = TestHost::start(KIND, eager()).await?;
    add(&host, "a", 5).await?;
    add(&host, "a", 7).await?;
    ensure!(host.ask("a", "add", json!({ "by": 0 })).await.is_err(), "it is refused");
    host.ask("b", "remind", json!({ "in_ms": 3_600_000 })).await?;
    host.ask("b", "get", json!({})).await?;
    Ok(host)
}

/// Command, the event before it, path, old and new of a difference in an answer.
type Differing = (String, u64, String, Option<String>, Option<String>);

/// Every difference in an answer.
fn answers(told: &Told) -> Vec<Differing> {
    let differing = told.findings.iter().filter(|finding| finding.verdict == RehearsalVerdict::AnswersDiffer);
    let of = differing.flat_map(|finding| {
        let name = finding.command.as_ref().map_or_else(String::new, |command| command.name.clone());
        finding
            .differences
            .iter()
            .map(move |d| (name.clone(), finding.sequence.0, d.path.clone(), d.old.clone(), d.new.clone()))
    });
    of.collect()
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_answers_the_same_and_counts_every_command() -> Result<()> {
    let told = rehearse(&stage().await?, &version("honest-too")?, with_commands()).await?;
    let counts = told.summary()?.counts;
    ensure!((counts.commands, counts.commands_same, counts.commands_differ) == (5, 5, 0), "{told:?}");
    ensure!(told.summary()?.all_same, "{told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_replies_that_differ_are_shown_though_the_states_are_the_same() -> Result<()> {
    let told = rehearse(&stage().await?, &version("appends-more")?, with_commands()).await?;
    ensure!(told.summary()?.counts.same == 2 && !told.summary()?.all_same, "{told:?}");
    let expected = [
        ("add".to_owned(), 0, "/events/0/payload/by".to_owned(), text("5"), text("6")),
        ("add".to_owned(), 0, "/reply/total".to_owned(), text("5"), text("6")),
        ("add".to_owned(), 1, "/events/0/payload/by".to_owned(), text("7"), text("8")),
        ("add".to_owned(), 1, "/reply/total".to_owned(), text("12"), text("13")),
    ];
    ensure!(answers(&told) == expected, "{:?}", answers(&told));
    let first = told.findings.first().and_then(|finding| finding.command.as_ref());
    ensure!(first.is_some_and(|command| command.payload == r#"{"by":5}"# && command.from == "client"), "{first:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_and_an_effect_that_differ_are_shown() -> Result<()> {
    let host = stage().await?;
    let told = rehearse(&host, &version("accepts-nothing")?, with_commands()).await?;
    let found = answers(&told);
    ensure!(
        found.iter().any(|(name, sequence, path, old, new)| {
            (name.as_str(), *sequence, path.as_str()) == ("add", 2, "/verdict")
                && (old, new) == (&text("\"rejected\""), &text("\"accepted\""))
        }),
        "{found:?}"
    );
    let told = rehearse(&host, &version("reminds-later")?, with_commands()).await?;
    let found = answers(&told);
    ensure!(
        found.len() == 1
            && found.iter().all(|(name, _, path, ..)| (name.as_str(), path.as_str()) == ("remind", "/effects/0/at")),
        "{found:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_cannot_reach_the_state_of_then_or_lacks_the_command_is_told() -> Result<()> {
    let host = TestHost::start(KIND, eager()).await?;
    host.ask("a", "mark", json!({ "text": "x" })).await?;
    add(&host, "a", 1).await?;
    let told = rehearse(&host, &version("cannot-mark")?, with_commands()).await?;
    let of_commands: Vec<_> = told.findings.iter().filter(|finding| finding.command.is_some()).collect();
    let verdicts: Vec<_> = of_commands.iter().map(|finding| (finding.sequence, finding.verdict)).collect();
    // Handling the first already fails, and that is an answer; before the second the mark must be replayed.
    ensure!(
        verdicts == [(Sequence(0), RehearsalVerdict::AnswersDiffer), (Sequence(1), RehearsalVerdict::CannotReplay)],
        "{told:?}"
    );
    let counter = rehearse(&host, &greenroom_kit::guest("counter")?, with_commands()).await?;
    let lacking = counter.findings.iter().find(|finding| finding.command.is_some() && finding.sequence == Sequence(0));
    let shown = format!("{lacking:?}");
    ensure!(shown.contains("GR0004") && shown.contains("it has no command mark"), "{shown}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_handled_is_not_recorded_and_a_kind_may_record_nothing() -> Result<()> {
    let host = TestHost::start(KIND, eager()).await?;
    let actor = host.actor("a")?;
    for _ in 0..3 {
        let command = Command::new("add", br#"{"by": 1}"#.to_vec()).with_idempotency_key("k");
        actor.ask(command).await?;
    }
    ensure!(actor.ask(Command::new("nonsense", Vec::new())).await.is_err());
    let told = rehearse(&host, &version("honest-too")?, with_commands()).await?;
    ensure!(told.summary()?.counts.commands == 1, "{told:?}");
    let mut settings = eager();
    settings.recording = RecordingSettings { commands: 0, bytes: 1_000_000 };
    let host = TestHost::start(KIND, settings).await?;
    add(&host, "a", 1).await?;
    let told = rehearse(&host, &version("appends-more")?, with_commands()).await?;
    ensure!(told.summary()?.counts.commands == 0 && told.summary()?.all_same, "{told:?}");
    Ok(())
}
