use std::path::PathBuf;

use anyhow::Result;
use greenroom_host::runtime::{AskError, Host, HostSettings};
use greenroom_host::sandbox::CompilerProgram;
use greenroom_host::vocab::{Code, Kind, Tenant};

use super::bomb;
use crate::setting::{guest, server_binary};

async fn host(compiler: CompilerProgram, change: impl FnOnce(&mut HostSettings)) -> Result<Host> {
    let mut settings = greenroom_kit::settings();
    change(&mut settings);
    Ok(Host::builder().settings(settings).compiler(compiler).build().await?)
}

async fn deploy(host: &Host, kind: &str, component: &[u8]) -> Result<Result<u32, AskError>> {
    let deployed = host.deploy(&Tenant::default_tenant(), &Kind::new(kind)?, component).await;
    Ok(deployed.map(|deployed| deployed.revision))
}

#[tokio::test]
async fn a_library_host_compiles_in_a_process_too() -> Result<()> {
    let program = CompilerProgram::Program(server_binary());
    let host = host(program, |settings| settings.limits.compile_ms = 3_000).await?;
    assert_eq!(deploy(&host, "counter", &guest("counter")?).await??, 1);
    let refused = deploy(&host, "bomb", &bomb::slow(5)).await?.map_err(|error| error.code());
    assert_eq!(refused, Err(Code::CompileOutOfTime));
    let (digest, manifest) = host.check(&guest("counter")?).await?;
    assert!(!manifest.commands.is_empty() && digest.to_string().len() == 64);
    Ok(())
}

#[tokio::test]
async fn a_program_that_is_no_compiler_is_named_and_nothing_is_held_against_the_component() -> Result<()> {
    for (program, words) in
        [("/no/such/program", "could not be started"), ("/bin/true", "compiler"), ("/bin/cat", "compiler")]
    {
        let host = host(CompilerProgram::Program(PathBuf::from(program)), |_| {}).await?;
        let Err(error) = deploy(&host, "counter", &guest("counter")?).await? else {
            anyhow::bail!("{program} has compiled something");
        };
        assert_eq!(error.code(), Code::CompilerUnavailable, "{program}: {error}");
        assert!(error.to_string().contains(words), "{program}: {error}");
        assert!(host.refusals().is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn without_a_program_it_compiles_in_its_own_process() -> Result<()> {
    let host = host(CompilerProgram::InProcess, |_| {}).await?;
    assert_eq!(deploy(&host, "counter", &guest("counter")?).await??, 1);
    let refused = deploy(&host, "empty", &bomb::quick(2)).await?.map_err(|error| error.code());
    assert_eq!(refused, Err(Code::MissingExport));
    Ok(())
}

#[tokio::test]
async fn code_that_is_larger_than_the_limit_is_refused() -> Result<()> {
    for compiler in [CompilerProgram::Program(server_binary()), CompilerProgram::InProcess] {
        let host = host(compiler, |settings| settings.limits.compiled_bytes = 20_000).await?;
        let Err(error) = deploy(&host, "counter", &guest("counter")?).await? else {
            anyhow::bail!("it was accepted");
        };
        assert_eq!(error.code(), Code::ComponentTooLarge);
        assert!(error.to_string().contains("bytes of compiled code, the limit is 20000"), "{error}");
    }
    Ok(())
}
