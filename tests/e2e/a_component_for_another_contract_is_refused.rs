use anyhow::{Context, Result};

use crate::setting::{Stage, guest};

/// The custom section in which a component states its contract version.
const SECTION: &[u8] = b"greenroom:contract";

#[test]
fn a_component_for_another_contract_is_refused() -> Result<()> {
    let stage = Stage::empty()?;
    let mut component = guest("counter")?;
    let section = component.windows(SECTION.len()).position(|window| window == SECTION).context("no such section")?;
    let version = component.get_mut(section + SECTION.len()).context("an empty section")?;
    assert_eq!(*version, b'1');
    *version = b'9';
    let answer = stage.client.deploy("counter", &component)?;
    assert_eq!((answer.status, answer.code()?.as_str()), (400, "GR0021"), "{}", answer.text());
    assert!(answer.text().contains('9'), "the version found is named: {}", answer.text());
    Ok(())
}
