//! `greenroom check FILE.wasm --against KIND`: the part of the gate that only a server can answer.

use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::deploy::upload;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Tone};
use crate::cli::views;
use crate::vocab::{Code, Kind};

/// Prints what the component changes in the kind (for scripts as a member of the `report`), and fails if the kind's journals
/// hold what it cannot read.
pub(super) fn run(
    kind: &Kind,
    component: Vec<u8>,
    mut report: Value,
    client: &Client,
    output: &Output,
) -> Result<(), Failure> {
    let bytes = u64::try_from(component.len()).unwrap_or(u64::MAX);
    let answer = upload(component, output, |body| client.check::<views::Checked>(kind, body, bytes))?;
    if output.is_json() {
        let found: Value = client.parse(&answer.raw)?;
        if let Some(members) = report.as_object_mut() {
            members.insert("against".to_owned(), found);
        }
        output.json(&report)?;
    } else {
        output.line(&told(kind, &answer.view))?;
    }
    match answer.view.refusal {
        Some(refusal) => Err(Failure::new(Code::IncompatibleRevision, refusal)),
        None => {
            output.note(&format!("{}  a deploy as {kind} would accept it", output.paint(Tone::Good, "ok")));
            Ok(())
        }
    }
}

fn told(kind: &Kind, checked: &views::Checked) -> String {
    let (diff, same) = (&checked.diff, checked.revision);
    let head = match (diff.against, same) {
        (None, _) => format!("{kind} is not deployed yet; this would be its first revision"),
        (Some(active), Some(same)) if active == same => {
            format!("{kind}: the same bytes as revision {active}, which is active")
        }
        (Some(active), Some(same)) => format!("{kind}: from revision {active} back to the bytes of revision {same}"),
        (Some(active), None) => format!("{kind}: what changes from revision {active}"),
    };
    let text = diff.to_text();
    let text = if text.is_empty() { "nothing that callers or journals could see".to_owned() } else { text };
    if same.is_some() && same == diff.against { head } else { format!("{head}\n{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Change, ManifestDiff, RevisionDiff};

    fn checked(against: Option<u32>, revision: Option<u32>) -> views::Checked {
        let diff = RevisionDiff {
            against,
            manifest: ManifestDiff::default(),
            unread: Vec::new(),
            actors: 0,
            unreadable_actors: 0,
            older_snapshot: None,
            contract: Change { from: "1".into(), to: "1".into() },
            component_bytes: Change { from: 1, to: 1 },
        };
        views::Checked { revision, refusal: None, diff }
    }

    #[test]
    fn the_first_line_says_what_it_would_be() {
        let kind = Kind::new("cart").unwrap();
        let said = |against, revision| told(&kind, &checked(against, revision));
        assert!(said(None, None).starts_with("cart is not deployed yet"));
        assert_eq!(said(Some(2), Some(2)), "cart: the same bytes as revision 2, which is active");
        assert!(said(Some(2), Some(1)).starts_with("cart: from revision 2 back to the bytes of revision 1\nnothing"));
        assert!(said(Some(2), None).starts_with("cart: what changes from revision 2\n"));
    }
}
