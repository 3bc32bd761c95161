//! Asks: a counter that says its value.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use kameo::actor::Spawn as _;
use kameo::mailbox;
use kameo::message::{Context, Message};
use ractor::{ActorProcessingErr, call};

use crate::load::{Asker, Timing, choose, drive};
use crate::{MAILBOX_COMMANDS, Plan, rate};

/// What every counter shows.
const VALUE: u64 = 1;

/// A counter of kameo's.
#[derive(kameo::Actor)]
pub(crate) struct Counter(pub(crate) u64);

/// Asks for its value.
pub(crate) struct Get;

/// Adds to its value.
pub(crate) struct Add(pub(crate) u64);

impl Message<Get> for Counter {
    type Reply = u64;

    async fn handle(&mut self, _: Get, _: &mut Context<Self, Self::Reply>) -> u64 {
        self.0
    }
}

impl Message<Add> for Counter {
    type Reply = ();

    async fn handle(&mut self, Add(by): Add, _: &mut Context<Self, Self::Reply>) {
        self.0 = self.0.wrapping_add(by);
    }
}

/// A counter of ractor's.
pub(crate) struct RactorCounter;

/// What it understands.
pub(crate) enum Order {
    /// Says its value.
    Get(ractor::RpcReplyPort<u64>),
    /// Adds to it.
    Add(u64),
}

impl ractor::Actor for RactorCounter {
    type Msg = Order;
    type State = u64;
    type Arguments = u64;

    async fn pre_start(&self, _: ractor::ActorRef<Order>, value: u64) -> Result<u64, ActorProcessingErr> {
        Ok(value)
    }

    async fn handle(
        &self,
        _: ractor::ActorRef<Order>,
        order: Order,
        value: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Get(to) => drop(to.send(*value)),
            Order::Add(by) => *value = value.wrapping_add(by),
        }
        Ok(())
    }
}

struct KameoAsker(Arc<[kameo::actor::ActorRef<Counter>]>);

impl Asker for KameoAsker {
    async fn ask(&mut self, random: u64) -> Result<()> {
        let value = choose(&self.0, random)?.ask(Get).await.map_err(|error| anyhow!("{error}"))?;
        ensure!(value == VALUE, "a counter answered {value}");
        Ok(())
    }
}

struct RactorAsker(Arc<[ractor::ActorRef<Order>]>);

impl Asker for RactorAsker {
    async fn ask(&mut self, random: u64) -> Result<()> {
        let value = call!(choose(&self.0, random)?, Order::Get).map_err(|error| anyhow!("{error}"))?;
        ensure!(value == VALUE, "a counter answered {value}");
        Ok(())
    }
}

pub(crate) async fn kameo(plan: &Plan) -> Result<Vec<f64>> {
    let spawn = |_| Counter::spawn_with_mailbox(Counter(VALUE), mailbox::bounded(MAILBOX_COMMANDS));
    let actors: Arc<[_]> = (0..plan.actors).map(spawn).collect();
    repeat(plan, || KameoAsker(Arc::clone(&actors))).await
}

pub(crate) async fn ractor(plan: &Plan) -> Result<Vec<f64>> {
    let mut actors = Vec::new();
    for _ in 0..plan.actors {
        actors.push(ractor::Actor::spawn(None, RactorCounter, VALUE).await.context("starting an actor")?.0);
    }
    let actors: Arc<[_]> = actors.into();
    repeat(plan, || RactorAsker(Arc::clone(&actors))).await
}

async fn repeat<A: Asker>(plan: &Plan, asker: impl Fn() -> A) -> Result<Vec<f64>> {
    let mut askers: Vec<A> = (0..plan.in_flight).map(|_| asker()).collect();
    let mut rates = Vec::new();
    for round in 0..=plan.repetitions {
        let (run, back) = drive(askers, Duration::from_millis(plan.count), Timing::Total).await?;
        askers = back;
        if round > 0 {
            rates.push(rate(run.done, run.elapsed));
        }
    }
    Ok(rates)
}
