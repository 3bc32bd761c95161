use anyhow::{Result, ensure};
use greenroom_host::runtime::{AskError, TenantChange};
use greenroom_host::vocab::{Code, Kind, Tenant};
use greenroom_kit::{TestHost, eventually};

use super::scene::{KIND, add, all, begin, eager, listen, rehearse, version};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rehearsal_is_refused_until_the_first_has_ended() -> Result<()> {
    let host = TestHost::start(KIND, eager()).await?;
    for actor in 0..200 {
        add(&host, &format!("actor-{actor}"), 1).await?;
    }
    // Nobody reads its lines, and there are more than are held: it waits.
    let first = begin(&host, &version("doubles")?, all()).await?;
    let kind = Kind::new(KIND)?;
    let refused = host.host.rehearse(&Tenant::default_tenant(), &kind, &version("doubles")?, all()).await;
    ensure!(refused.err().map(|error| error.code()) == Some(Code::RehearsalUnderWay));
    drop(first);
    // It ends because nobody listens any more.
    eventually("the first has ended", async || {
        match host.host.rehearse(&Tenant::default_tenant(), &kind, &version("doubles")?, all()).await {
            Ok(second) => Ok(listen(second).await?.summary()?.counts.differs == 200),
            Err(error) if error.code() == Code::RehearsalUnderWay => Ok(false),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_as_many_rehearsals_as_the_host_allows() -> Result<()> {
    let mut settings = eager();
    settings.limits.rehearsals = 1;
    let host = TestHost::start(KIND, settings).await?;
    let other = Tenant::new("other")?;
    host.host.create_tenant(&other, &TenantChange::default()).await?;
    let kind = Kind::new(KIND)?;
    host.host.deploy(&other, &kind, &version("honest")?).await?;
    for actor in 0..200 {
        add(&host, &format!("actor-{actor}"), 1).await?;
    }
    let first = begin(&host, &version("doubles")?, all()).await?;
    let refused = host.host.rehearse(&other, &kind, &version("doubles")?, all()).await;
    ensure!(refused.err().map(|error| error.code()) == Some(Code::RehearsalsFull));
    ensure!(listen(first).await?.summary()?.counts.differs == 200);
    // Of its own tenant it has no actor, and the others' are not looked at.
    let own = listen(host.host.rehearse(&other, &kind, &version("doubles")?, all()).await?).await?;
    ensure!(own.summary()?.counts.actors == 0 && own.start.is_some_and(|start| start.actors_of_kind == 0));
    let unknown = host.host.rehearse(&other, &Kind::new("counter")?, &version("doubles")?, all()).await;
    ensure!(unknown.err().map(|error| error.code()) == Some(Code::UnknownKind));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_or_a_suspension_in_the_middle_ends_it_with_a_reason() -> Result<()> {
    let host = TestHost::start(KIND, eager()).await?;
    for actor in 0..200 {
        add(&host, &format!("actor-{actor}"), 1).await?;
    }
    let code_of = async |rehearsal| listen(rehearsal).await.err().and_then(|error| error.downcast::<AskError>().ok());
    let first = begin(&host, &version("doubles")?, all()).await?;
    host.deploy(KIND, &version("honest-too")?).await?;
    ensure!(code_of(first).await.map(|error| error.code()) == Some(Code::RehearsalOvertaken));
    let second = begin(&host, &version("doubles")?, all()).await?;
    host.host.suspend_tenant(&Tenant::default_tenant()).await?;
    ensure!(code_of(second).await.map(|error| error.code()) == Some(Code::TenantSuspended));
    host.host.resume_tenant(&Tenant::default_tenant()).await?;
    ensure!(rehearse(&host, &version("honest")?, all()).await?.summary()?.all_same);
    Ok(())
}
