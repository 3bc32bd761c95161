use anyhow::Result;
use greenroom_kit::Answer;

use crate::setting::Stage;

#[test]
fn what_does_not_exist_is_named_with_a_code() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    let client = &stage.client;
    let stranger = client.tenant("nobody");
    expect(&stranger.call("counter", "a", "get", "{}")?, (404, "GR0002"), "nobody")?;
    expect(&client.call("ghost", "a", "get", "{}")?, (404, "GR0003"), "ghost")?;
    expect(&client.call("counter", "a", "explode", "{}")?, (404, "GR0004"), "explode")?;
    expect(&client.state("counter", "never", None)?, (404, "GR0010"), "never")?;
    Ok(())
}

/// The status, the code, and a detail that names what was asked for.
fn expect(answer: &Answer, expected: (u16, &str), named: &str) -> Result<()> {
    let code = answer.code()?;
    assert_eq!((answer.status, code.as_str()), expected, "{}", answer.text());
    assert_eq!(answer.content_type, "application/problem+json");
    assert!(answer.text().contains(named), "{}", answer.text());
    Ok(())
}
