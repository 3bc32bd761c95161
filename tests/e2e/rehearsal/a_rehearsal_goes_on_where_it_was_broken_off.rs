use anyhow::{Result, ensure};
use greenroom_host::runtime::{ChosenActors, RehearsalOptions};
use greenroom_host::vocab::Key;
use greenroom_kit::TestHost;

use super::scene::{KIND, add, all, eager, rehearse, version};

async fn twenty() -> Result<TestHost> {
    let host = TestHost::start(KIND, eager()).await?;
    for actor in 0..20 {
        add(&host, &format!("actor-{actor:02}"), actor + 1).await?;
    }
    Ok(host)
}

fn chosen(actors: &str) -> Result<RehearsalOptions> {
    let mut options = all();
    options.actors = actors.parse::<ChosenActors>().map_err(anyhow::Error::msg)?;
    Ok(options)
}

async fn keys(host: &TestHost, options: RehearsalOptions) -> Result<Vec<String>> {
    let told = rehearse(host, &version("doubles")?, options).await?;
    ensure!(told.progress.last().map(|p| p.after.as_str()) == told.findings.last().map(|f| f.key.as_str()), "{told:?}");
    ensure!(told.start.as_ref().is_some_and(|start| start.actors_of_kind == 20), "{told:?}");
    ensure!(told.start.as_ref().map(|start| start.actors_total) == Some(told.summary()?.counts.actors), "{told:?}");
    Ok(told.findings.into_iter().map(|finding| finding.key).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_key_only_the_rest_is_looked_at_of_all_of_a_sample_and_of_a_pattern() -> Result<()> {
    let host = twenty().await?;
    for actors in ["all", "7", "actor-?5", "actor-1*"] {
        let whole = keys(&host, chosen(actors)?).await?;
        ensure!(whole.len() >= 2 && whole.is_sorted(), "{whole:?}");
        let (first, rest) = whole.split_first().ok_or_else(|| anyhow::anyhow!("nobody"))?;
        let mut options = chosen(actors)?;
        options.after = Some(Key::new(first.clone())?);
        ensure!(keys(&host, options).await? == rest, "{actors}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_spread_over_all_keys() -> Result<()> {
    let host = twenty().await?;
    let sample = keys(&host, chosen("4")?).await?;
    ensure!(sample.len() == 4 && sample.iter().any(|key| key.as_str() >= "actor-10"), "{sample:?}");
    ensure!(keys(&host, chosen("500")?).await?.len() == 20);
    ensure!(keys(&host, chosen("actor-1?")?).await?.len() == 10);
    Ok(())
}
