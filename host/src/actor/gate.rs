//! The output gate: replies, rejections and tells leave only after their turn, and all before it, is durable.
//!
//! # Why a read waits too
//! A command that appended nothing still saw the state of turns that are being stored. Its reply may leave only
//! when those are durable, or it would tell of something that a crash can take back.
//!
//! # Why the gate cannot be passed
//! Answers are owned by the gate from the moment the guest returned until the front of the queue settled.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::oneshot;

use super::ask::{AskError, Reply};
use super::ledger::{Tell, TellId};
use super::load::Taken;
use crate::provider::{AppendError, Appending};
use crate::vocab::Sequence;

/// An answer and where it goes.
pub(super) struct Answer {
    pub(super) to: oneshot::Sender<Result<Reply, AskError>>,
    pub(super) what: Result<Reply, AskError>,
    /// Given back when the answer leaves.
    pub(super) taken: Option<Taken>,
}

/// What one turn lets out once it is durable.
#[derive(Default)]
pub(super) struct Output {
    pub(super) answers: Vec<Answer>,
    pub(super) tells: Vec<(TellId, Tell)>,
}

struct Waiting {
    /// `None`: the turn stored nothing and waits only for those before it.
    append: Option<(Appending, Instant)>,
    /// Its part of what its tenant may have on its way to the store.
    taken: Option<Taken>,
    output: Output,
}

/// What became of the oldest turn.
pub(super) enum Settled {
    /// It is durable through this number (`None`: it stored nothing); its answers have left.
    Durable {
        /// The number of its last event.
        through: Option<Sequence>,
        /// Seconds from the turn's end until it was durable.
        seconds: f64,
        /// Its tells may leave now.
        tells: Vec<(TellId, Tell)>,
    },
    /// It was not acknowledged; its askers have been told, and the state that ran ahead must be dropped.
    Lost(AppendError),
}

/// The turns of one actor that wait for the store, in order.
#[derive(Default)]
pub(super) struct Gate {
    waiting: VecDeque<Waiting>,
    /// How many of them store something.
    appends: usize,
    /// How many answers wait.
    answers: usize,
}

impl Gate {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many turns wait for the store.
    pub(super) const fn appends(&self) -> usize {
        self.appends
    }

    /// How many answers wait for the store.
    pub(super) const fn answers(&self) -> usize {
        self.answers
    }

    /// Lets a turn that stored something out when it is durable.
    pub(super) fn hold(&mut self, append: Appending, taken: Taken, output: Output) {
        self.answers = self.answers.saturating_add(output.answers.len());
        self.appends = self.appends.saturating_add(1);
        self.waiting.push_back(Waiting { append: Some((append, Instant::now())), taken: Some(taken), output });
    }

    /// Lets a turn that stored nothing out: at once if nothing is being stored, else after it.
    pub(super) fn pass(&mut self, output: Output) {
        if self.waiting.is_empty() {
            return send(output.answers);
        }
        self.answers = self.answers.saturating_add(output.answers.len());
        if let Some(last) = self.waiting.back_mut()
            && last.append.is_none()
        {
            last.output.answers.extend(output.answers);
        } else {
            self.waiting.push_back(Waiting { append: None, taken: None, output });
        }
    }

    /// Waits for the oldest turn. Cancel-safe: a turn stays in the gate until it settled.
    pub(super) fn settle(&mut self) -> impl Future<Output = Settled> {
        std::future::poll_fn(|context| self.poll_settle(context))
    }

    fn poll_settle(&mut self, context: &mut Context<'_>) -> Poll<Settled> {
        let Some(front) = self.waiting.front_mut() else { return Poll::Pending };
        let (result, seconds) = match &mut front.append {
            None => (Ok(None), 0.0),
            Some((append, since)) => match Pin::new(append).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => (result.map(Some), since.elapsed().as_secs_f64()),
            },
        };
        let Some(mut settled) = self.waiting.pop_front() else { return Poll::Pending };
        drop(settled.taken.take());
        self.appends = self.appends.saturating_sub(usize::from(settled.append.is_some()));
        self.answers = self.answers.saturating_sub(settled.output.answers.len());
        Poll::Ready(match result {
            Ok(through) => {
                send(settled.output.answers);
                Settled::Durable { through, seconds, tells: settled.output.tells }
            }
            Err(error) => {
                refuse(settled.output.answers, &error);
                Settled::Lost(error)
            }
        })
    }

    /// After a turn was lost: tells every asker behind it what became of its own turn. Waits for the store's word on
    /// each; what stored nothing saw state that may be lost, and shares the fate of the turn before it.
    pub(super) async fn abandon(&mut self, mut lost: AppendError) {
        while let Some(waiting) = self.waiting.pop_front() {
            match waiting.append {
                None => refuse(waiting.output.answers, &lost),
                Some((append, _)) => match append.await {
                    Ok(_) => send(waiting.output.answers),
                    Err(error) => {
                        refuse(waiting.output.answers, &error);
                        lost = error;
                    }
                },
            }
        }
        (self.appends, self.answers) = (0, 0);
    }
}

fn send(answers: Vec<Answer>) {
    for Answer { to, what, taken } in answers {
        let _left = to.send(what);
        drop(taken);
    }
}

fn refuse(answers: Vec<Answer>, error: &AppendError) {
    for answer in answers {
        let _left = answer.to.send(Err(AskError::Append(error.clone())));
    }
}
