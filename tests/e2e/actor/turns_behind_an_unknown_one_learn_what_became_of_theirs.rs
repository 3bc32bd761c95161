use anyhow::Result;
use greenroom_host::vocab::Code;
use serde_json::json;

use super::scene::{AppendFault, command, eventually, get, head, probe_with};

/// L57: with three turns in flight, the first unknown: what the others are told is true of the journal.
#[tokio::test]
async fn turns_behind_an_unknown_one_learn_what_became_of_theirs() -> Result<()> {
    for (fault, stored) in [(AppendFault::UnknownStored, 3), (AppendFault::UnknownLost, 0)] {
        let host = probe_with(|settings| settings.limits.turn_commands = 1).await?;
        host.store.hold_appends();
        host.store.next_appends([fault]);
        let mut asking = Vec::new();
        for _ in 0..3 {
            asking.push(host.start_asking("a", command("add", &json!({ "by": 1 })))?);
        }
        eventually("three appends", async || Ok(host.store.held_appends() == 3)).await?;
        host.store.release_all_appends();
        let mut codes = Vec::new();
        for answer in asking {
            codes.push(answer.await?.map_err(|error| error.code()).err());
        }
        let behind = if stored == 0 { Some(Code::WriteConflict) } else { None };
        assert_eq!(codes, [Some(Code::OutcomeUnknown), behind, behind], "{fault:?}");
        assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (stored, stored), "{fault:?}");
    }
    Ok(())
}
