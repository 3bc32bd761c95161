use anyhow::Result;

use crate::setting::{Stage, guest};

#[test]
fn a_file_that_is_no_component_is_refused() -> Result<()> {
    let stage = Stage::empty()?;
    let counter = guest("counter")?;
    let truncated = counter.get(..counter.len() / 2).unwrap_or_default();
    let core_module = b"\0asm\x01\0\0\0";
    for file in [b"".as_slice(), b"hello", b"(component)", core_module, truncated] {
        let answer = stage.client.deploy("counter", file)?;
        assert_eq!(
            (answer.status, answer.code()?.as_str()),
            (400, "GR0020"),
            "{} bytes: {}",
            file.len(),
            answer.text()
        );
    }
    let answer = stage.client.call("counter", "a", "get", "{}")?;
    assert_eq!(answer.code()?, "GR0003", "nothing was deployed");
    Ok(())
}
