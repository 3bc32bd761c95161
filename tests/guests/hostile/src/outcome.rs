//! Columns under construction.

use crate::greenroom::actor::types::{Column, EventBatch, OutcomeBatch};

pub(crate) struct Builder {
    pub(crate) batch: OutcomeBatch,
    /// The last event ends before its bytes do, whatever commands come behind in the same turn.
    pub(crate) ends_early: bool,
}

impl Default for Builder {
    fn default() -> Self {
        let column = || Column { data: Vec::new(), ends: Vec::new() };
        let events = EventBatch { types: Vec::new(), payloads: column() };
        Self {
            batch: OutcomeBatch { appended: Vec::new(), events, verdicts: Vec::new(), replies: column() },
            ends_early: false,
        }
    }
}

impl Builder {
    pub(crate) fn append(&mut self, event: u16, payload: &[u8]) {
        self.batch.events.types.push(event);
        push(&mut self.batch.events.payloads, payload);
    }

    pub(crate) fn finish(mut self) -> OutcomeBatch {
        if self.ends_early
            && let Some(last) = self.batch.events.payloads.ends.last_mut()
        {
            *last = last.saturating_sub(1);
        }
        self.batch
    }

    pub(crate) fn answer(&mut self, appended: u32, verdict: u8, reply: &[u8]) {
        self.batch.appended.push(appended);
        self.batch.verdicts.push(verdict);
        push(&mut self.batch.replies, reply);
    }
}

pub(crate) fn push(column: &mut Column, item: &[u8]) {
    column.data.extend_from_slice(item);
    column.ends.push(column.data.len() as u32);
}
