//! Commands that nobody will handle, per tenant: durable, bounded in number, bytes and rate; the oldest go first.
//!
//! Durable are the letters of tells and timers, which have no caller that could repeat them, and of skipped commands. A
//! crash between a letter and the record that strikes its command off leaves both: then the same command may come to
//! be in the list twice. It is never in neither.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::metric;
use super::record::{code_of, encode};
use super::views::payload_of;
use crate::actor::{DeadLetter, DeadReason};
use crate::decide::TokenBucket;
use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::runtime::DeadLetterSettings;
use crate::runtime::text::cut;
use crate::vocab::{Clock, Digest, Tenant, Timestamp};

/// Letters in one listing.
const LISTED_MAX: usize = 1_000;
/// Bytes of one text of a letter; longer ones are cut.
const TEXT_BYTES_MAX: usize = 600;

/// What the catalog keeps of a letter. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredLetter {
    /// The first layout.
    V1(LetterRecord),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LetterRecord {
    at: u64,
    /// Its position in [`DeadReason::ALL`].
    reason: u8,
    code: u16,
    message: String,
    kind: String,
    key: String,
    command: String,
    payload: Vec<u8>,
    payload_bytes: u64,
    payload_digest: [u8; 32],
    from: String,
}

/// A dead letter as people see it.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetterView {
    /// Its number in the tenant's list: 1 for the first, never used again.
    pub number: u64,
    /// When it was put there.
    pub at: Timestamp,
    /// Why it is dead.
    pub reason: DeadReason,
    /// The code of what was in the way.
    pub code: String,
    /// The same in words.
    pub message: String,
    /// The kind of its receiver.
    pub kind: String,
    /// The key of its receiver.
    pub key: String,
    /// The command's name.
    pub command: String,
    /// Who sent it.
    pub from: String,
    /// Bytes of the payload, as it was sent.
    pub payload_bytes: u64,
    /// BLAKE3 of the payload, hexadecimal.
    pub payload_digest: String,
    /// The payload, if it is JSON and was kept whole.
    pub payload: Option<Box<RawValue>>,
    /// What was kept of the payload, hexadecimal, if it is anything else.
    pub payload_hex: Option<String>,
}

/// The dead letters of all tenants.
pub(in crate::runtime) struct DeadLetters {
    provider: SharedProvider,
    clock: Arc<dyn Clock>,
    pub(in crate::runtime) settings: DeadLetterSettings,
    /// The lists that were used since the start.
    lists: Mutex<HashMap<Tenant, List>>,
    /// Held while numbers are looked up.
    opening: tokio::sync::Mutex<()>,
}

struct List {
    oldest: u64,
    next: u64,
    rate: TokenBucket,
}

impl DeadLetters {
    pub(super) fn new(provider: SharedProvider, clock: Arc<dyn Clock>, settings: DeadLetterSettings) -> Self {
        Self { provider, clock, settings, lists: Mutex::default(), opening: tokio::sync::Mutex::default() }
    }

    /// Keeps a letter, unless the tenant's rate is used up: then it is only counted. A failure is logged.
    pub(in crate::runtime) async fn bury(&self, letter: DeadLetter) {
        let (tenant, reason) = (letter.tenant.clone(), letter.reason);
        let line = |text: &str| cut(text.to_owned(), TEXT_BYTES_MAX);
        let (to, command) = (line(&format!("{}/{}", letter.kind, letter.key)), line(&letter.command));
        let (code, from, message) = (letter.code, line(&letter.from), line(&letter.message));
        let kept = match self.keep(letter).await {
            Ok(kept) => {
                // Those past the rate are only counted: they must not fill the log instead.
                if kept {
                    tracing::warn!(%tenant, reason = reason.label(), %code, to, command, from, "dead letter: {message}");
                }
                kept
            }
            Err(error) => {
                tracing::error!(%tenant, code = %error.code(), %error, "a dead letter could not be kept");
                false
            }
        };
        metric::dead(&tenant, reason, kept);
    }

    async fn keep(&self, letter: DeadLetter) -> Result<bool, StoreError> {
        self.open(&letter.tenant).await?;
        let now = self.clock.now();
        let per_second = u64::from(self.settings.per_second);
        let taken = {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            // Without a list the tenant was deleted meanwhile, and its letters with it.
            let Some(list) = lists.get_mut(&letter.tenant) else { return Ok(false) };
            list.rate.take(per_second, now).then(|| {
                let number = list.next;
                list.next = list.next.saturating_add(1);
                let keep_from = list.next.saturating_sub(u64::from(self.settings.letters));
                let expired = list.oldest..keep_from.max(list.oldest);
                list.oldest = expired.end;
                (number, expired)
            })
        };
        let Some((number, expired)) = taken else { return Ok(false) };
        let (tenant, bytes) = (letter.tenant.clone(), self.encoded(letter, now)?);
        self.provider.put_record(&place(&tenant, number), bytes).await?;
        metric::forgotten(&tenant, expired.end.saturating_sub(expired.start));
        for number in expired {
            self.provider.delete_record(&place(&tenant, number)).await?;
        }
        Ok(true)
    }

    fn encoded(&self, letter: DeadLetter, now: Timestamp) -> Result<Bytes, StoreError> {
        let DeadLetter { tenant: _, reason, code, message, kind, key, command, payload, from } = letter;
        let payload_max = usize::try_from(self.settings.payload_bytes).unwrap_or(usize::MAX);
        let reason = DeadReason::ALL.iter().position(|one| *one == reason).unwrap_or_default();
        let record = LetterRecord {
            at: now.0,
            reason: u8::try_from(reason).unwrap_or_default(),
            code: code.number(),
            message: cut(message, TEXT_BYTES_MAX),
            kind,
            key,
            command: cut(command, TEXT_BYTES_MAX),
            payload: payload.get(..payload.len().min(payload_max)).unwrap_or_default().to_vec(),
            payload_bytes: u64::try_from(payload.len()).unwrap_or(u64::MAX),
            payload_digest: Digest::of(&payload).0,
            from: cut(from, TEXT_BYTES_MAX),
        };
        encode("dead letter", &StoredLetter::V1(record))
    }

    /// Looks up where a list ends, the first time that it is used.
    async fn open(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let is_open = || self.lists.lock().unwrap_or_else(PoisonError::into_inner).contains_key(tenant);
        if is_open() {
            return Ok(());
        }
        let _turn = self.opening.lock().await;
        if !is_open() {
            let keys = self.provider.record_keys(&prefix(tenant)).await?;
            let number = |key: Option<&String>| key.and_then(|key| key.rsplit('/').next()?.parse::<u64>().ok());
            let next = number(keys.last()).map_or(1, |last| last.saturating_add(1));
            let oldest = number(keys.first()).unwrap_or(next);
            let rate = TokenBucket::full(u64::from(self.settings.per_second), self.clock.now());
            let list = List { oldest, next, rate };
            self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), list);
        }
        Ok(())
    }

    /// The letters of a tenant with numbers below `before`, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn list(
        &self,
        tenant: &Tenant,
        before: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetterView>, StoreError> {
        let end = place(tenant, before);
        let mut keys = self.provider.record_keys(&prefix(tenant)).await?;
        keys.retain(|key| *key < end);
        let mut letters = Vec::new();
        for key in keys.iter().rev().take(limit.min(LISTED_MAX)) {
            let Some(bytes) = self.provider.record(key).await? else { continue };
            let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
            let StoredLetter::V1(record) = codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
            let number = key.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default();
            let reason = DeadReason::ALL.get(usize::from(record.reason)).copied();
            let reason = reason.ok_or_else(|| corrupt(format!("{} is no reason", record.reason)))?;
            letters.push(record.view(number, reason));
        }
        Ok(letters)
    }

    /// Deletes the letters of a tenant.
    ///
    /// # Errors
    /// When the store refuses; what was deleted by then stays deleted.
    pub(super) async fn forget_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
        for key in self.provider.record_keys(&prefix(tenant)).await? {
            self.provider.delete_record(&key).await?;
        }
        Ok(())
    }
}

impl LetterRecord {
    fn view(self, number: u64, reason: DeadReason) -> DeadLetterView {
        let is_whole = u64::try_from(self.payload.len()).is_ok_and(|kept| kept == self.payload_bytes);
        let (payload, payload_hex) = payload_of(&self.payload, is_whole);
        DeadLetterView {
            number,
            at: Timestamp(self.at),
            reason,
            code: code_of(self.code).to_string(),
            message: self.message,
            kind: self.kind,
            key: self.key,
            command: self.command,
            from: self.from,
            payload_bytes: self.payload_bytes,
            payload_digest: Digest(self.payload_digest).to_string(),
            payload,
            payload_hex,
        }
    }
}

fn prefix(tenant: &Tenant) -> String {
    format!("dead/{tenant}/")
}

/// Numbers have a fixed width, so that the catalog's order is theirs.
fn place(tenant: &Tenant, number: u64) -> String {
    format!("dead/{tenant}/{number:020}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::memory::MemoryProvider;
    use crate::vocab::{Code, ManualClock};

    fn letters(provider: &SharedProvider, settings: DeadLetterSettings) -> (DeadLetters, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp(5_000)));
        (DeadLetters::new(Arc::clone(provider), Arc::<ManualClock>::clone(&clock), settings), clock)
    }

    fn letter(tenant: &str, command: &str, payload: &[u8]) -> DeadLetter {
        DeadLetter {
            tenant: Tenant::new(tenant).unwrap(),
            reason: DeadReason::TimerFailed,
            code: Code::GuestTrapped,
            message: "boom".to_owned(),
            kind: "k".to_owned(),
            key: "a".to_owned(),
            command: command.to_owned(),
            payload: Bytes::copy_from_slice(payload),
            from: "timer t".to_owned(),
        }
    }

    async fn list(letters: &DeadLetters, tenant: &str, before: u64) -> Vec<(u64, String)> {
        let listed = letters.list(&Tenant::new(tenant).unwrap(), before, 100).await.unwrap();
        listed.into_iter().map(|letter| (letter.number, letter.command)).collect()
    }

    #[tokio::test]
    async fn the_oldest_are_forgotten_first_and_numbers_go_on_after_a_crash() {
        let provider: SharedProvider = MemoryProvider::new();
        let settings = DeadLetterSettings { letters: 3, ..DeadLetterSettings::default() };
        let (dead, _) = letters(&provider, settings.clone());
        for command in ["one", "two", "three", "four"] {
            dead.bury(letter("a", command, b"{}")).await;
        }
        dead.bury(letter("b", "other", b"")).await;
        let expected = [(4, "four".to_owned()), (3, "three".to_owned()), (2, "two".to_owned())];
        assert_eq!(list(&dead, "a", u64::MAX).await, expected);
        assert_eq!(list(&dead, "a", 3).await, expected[2..]);
        let (dead, _) = letters(&provider, settings);
        dead.bury(letter("a", "five", b"")).await;
        assert_eq!(list(&dead, "a", u64::MAX).await.len(), 3);
        assert_eq!(list(&dead, "a", u64::MAX).await[0], (5, "five".to_owned()));
        assert_eq!(list(&dead, "b", u64::MAX).await, [(1, "other".to_owned())]);
        dead.forget_tenant(&Tenant::new("a").unwrap()).await.unwrap();
        assert!(list(&dead, "a", u64::MAX).await.is_empty());
        assert_eq!(provider.record_keys("dead/").await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_flood_of_letters_is_counted_and_not_kept() {
        let provider: SharedProvider = MemoryProvider::new();
        let settings = DeadLetterSettings { per_second: 2, ..DeadLetterSettings::default() };
        let (dead, clock) = letters(&provider, settings);
        for _ in 0..50 {
            dead.bury(letter("a", "flood", b"")).await;
        }
        assert_eq!(list(&dead, "a", u64::MAX).await.len(), 2);
        dead.bury(letter("b", "other", b"")).await;
        assert_eq!(list(&dead, "b", u64::MAX).await.len(), 1, "one tenant's flood is not another's");
        clock.advance_ms(1_000);
        dead.bury(letter("a", "later", b"")).await;
        assert_eq!(list(&dead, "a", u64::MAX).await.len(), 3);
    }

    #[tokio::test]
    async fn payloads_are_shown_as_json_or_bytes_and_large_ones_are_cut() {
        let provider: SharedProvider = MemoryProvider::new();
        let settings = DeadLetterSettings { payload_bytes: 8, ..DeadLetterSettings::default() };
        let (dead, _) = letters(&provider, settings);
        for payload in [br#"{"a":1}"#.as_slice(), b"\xff\0", b"\"too long for it\""] {
            dead.bury(letter("a", "c", payload)).await;
        }
        let listed = dead.list(&Tenant::new("a").unwrap(), u64::MAX, 9).await.unwrap();
        let shown: Vec<_> = listed
            .iter()
            .map(|letter| {
                (letter.payload.as_ref().map(|json| json.get()), letter.payload_hex.as_deref(), letter.payload_bytes)
            })
            .collect();
        assert_eq!(
            shown,
            [(None, Some("22746f6f206c6f6e"), 17), (None, Some("ff00"), 2), (Some(r#"{"a":1}"#), None, 7)]
        );
        assert_eq!(listed[0].payload_digest, Digest::of(b"\"too long for it\"").to_string());
    }

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_stored_layout_does_not_change() {
        let provider: SharedProvider = MemoryProvider::new();
        let (dead, _) = letters(&provider, DeadLetterSettings::default());
        let bytes = dead.encoded(letter("a", "c", b"x"), Timestamp(7)).unwrap();
        let mut expected = b"\0\x07\x02\x28\x04boom\x01k\x01a\x01c\x01x\x01".to_vec();
        expected.extend_from_slice(blake3::hash(b"x").as_bytes());
        expected.extend_from_slice(b"\x07timer t");
        assert_eq!(bytes, expected);
    }
}
