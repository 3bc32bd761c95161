//! Columns under construction.

use crate::greenroom::actor::types::{Column, EventBatch, OutcomeBatch};

pub(crate) struct Builder {
    pub(crate) batch: OutcomeBatch,
}

impl Default for Builder {
    fn default() -> Self {
        let column = || Column { data: Vec::new(), ends: Vec::new() };
        let events = EventBatch { types: Vec::new(), payloads: column() };
        Self { batch: OutcomeBatch { appended: Vec::new(), events, verdicts: Vec::new(), replies: column() } }
    }
}

impl Builder {
    pub(crate) fn append(&mut self, event: u16, payload: &[u8]) {
        self.batch.events.types.push(event);
        push(&mut self.batch.events.payloads, payload);
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
