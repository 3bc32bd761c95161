//! The end of an actor's history: its events and snapshots are deleted for good, its numbering goes on.

use std::sync::Arc;

use super::face::Operator;
use super::record::{ActRecord, CauseRecord, TroubleRecord};
use super::registry::Troubles;
use super::resume::settle;
use crate::actor::{AskError, Order, RequestError};
use crate::runtime::ActorRef;
use crate::runtime::text::cut;
use crate::vocab::{Address, Code, Sequence};

impl ActorRef {
    /// Deletes the actor's events, snapshots, timers, undelivered tells and remembered idempotency keys. The next command
    /// finds it in its initial state; its numbers go on and begin with a record of who purged it and why. It need not be
    /// in trouble; nothing of it runs meanwhile. A crash leaves it quarantined, and the next start finishes the purge.
    ///
    /// # Errors
    /// When the kind is unknown, there is no such actor, or the store refuses.
    pub async fn purge(&self, operator: &Operator) -> Result<(), AskError> {
        self.deployment()?;
        let troubles = Arc::clone(&self.inner.troubles);
        let _busy = troubles.begin_act(&self.address)?;
        self.settle_acts().await?;
        let known = self.inner.stage.provider.head(self.id).await?.sequence > Sequence::ZERO;
        if !known && troubles.record(&self.address).is_none() && self.inner.directory.find(self.id).is_none() {
            return Err(RequestError::UnknownActor(self.address.to_string()).into());
        }
        troubles.shut_in(&self.address, operator).await?;
        if let Some(handle) = self.inner.directory.find(self.id) {
            let _left = handle.orders.send(Order::Passivate).await;
            handle.gone().await;
        }
        let through = self.inner.stage.provider.head(self.id).await?.sequence.0;
        let Operator { who, why } = operator.clone();
        let act = ActRecord::Purge { through, who, why };
        self.intend(act.clone()).await?;
        settle(&self.inner, &self.address, act).await?;
        self.let_go(&format!("purged through {through}")).await
    }
}

impl Troubles {
    /// From now on the actor may not be brought on stage. Durable when the result arrives.
    async fn shut_in(&self, address: &Arc<Address>, operator: &Operator) -> Result<(), AskError> {
        let now = self.clock.now().0;
        let shut_in = |record: &mut TroubleRecord| _ = record.quarantined_at.get_or_insert(now);
        let record = match self.change(address, shut_in) {
            Some(record) => record,
            None => {
                let message = cut(format!("{} purges it: {}", operator.who, operator.why), 500);
                let code = Code::ActUnderWay.number();
                let cause = CauseRecord { code, message, revision: 0, sequence: 0, poison: None };
                let mut record = TroubleRecord::new(address, cause);
                record.quarantined_at = Some(now);
                self.insert_beyond_limits(address, record.clone());
                record
            }
        };
        Ok(self.store(address, &record).await?)
    }
}
