//! What actors of version 1 may call.

use super::bindings::greenroom::actor::context::Origin;
use super::bindings::greenroom::actor::types::AddressResult as GuestAddress;
use super::bindings::greenroom::actor::{context, effects, log, types};
use crate::sandbox::failure::Refusal;
use crate::sandbox::guest_log::Level;
use crate::sandbox::state::State;
use crate::sandbox::turn::{Turn, invalid};
use crate::sandbox::{Caller, Effect};
use crate::vocab::{Address, Limits, Timestamp};

impl types::Host for State {}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.spend(message.len())?;
        self.log.write(level, &message);
        Ok(())
    }
}

impl context::Host for State {
    fn caller(&mut self, command: u32) -> wasmtime::Result<Origin> {
        self.spend(0)?;
        Ok(match &turn(self)?.0.context(command)?.caller {
            Caller::Client(name) => Origin::Client(name.clone()),
            Caller::Actor(address) => Origin::Actor(to_guest(address)),
            Caller::Timer(name) => Origin::Timer(name.clone()),
        })
    }

    fn header(&mut self, command: u32, name: String) -> wasmtime::Result<Option<String>> {
        self.spend(name.len())?;
        let headers = &turn(self)?.0.context(command)?.headers;
        Ok(headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)).map(|(_, value)| value.clone()))
    }
}

impl effects::Host for State {
    fn tell(&mut self, command: u32, to: GuestAddress, name: String, payload: Vec<u8>) -> wasmtime::Result<()> {
        self.spend(payload.len().saturating_add(to.key.len()))?;
        let (turn, limits) = turn(self)?;
        let to = Address::new(to.tenant, to.kind, to.key)
            .map_err(|error| invalid(format!("a command was sent to an address that cannot exist: {error}")))?;
        Ok(turn.ask(Effect::Tell { command, to, name, payload }, limits)?)
    }

    fn schedule(
        &mut self,
        command: u32,
        timer: String,
        at: u64,
        name: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<()> {
        self.spend(payload.len().saturating_add(timer.len()))?;
        let (turn, limits) = turn(self)?;
        Ok(turn.ask(Effect::Schedule { command, timer, at: Timestamp(at), name, payload }, limits)?)
    }

    fn cancel(&mut self, command: u32, timer: String) -> wasmtime::Result<()> {
        self.spend(timer.len())?;
        let (turn, limits) = turn(self)?;
        Ok(turn.ask(Effect::Cancel { command, timer }, limits)?)
    }

    fn request_snapshot(&mut self) -> wasmtime::Result<()> {
        turn(self)?.0.wants_snapshot = true;
        Ok(())
    }

    fn passivate(&mut self) -> wasmtime::Result<()> {
        turn(self)?.0.wants_passivation = true;
        Ok(())
    }
}

fn turn(state: &mut State) -> Result<(&mut Turn, &Limits), Refusal> {
    let State { turn, limits, .. } = state;
    let turn = turn
        .as_mut()
        .ok_or_else(|| invalid("it asked for an effect or a command's context outside `handle`".to_owned()))?;
    Ok((turn, limits))
}

fn to_guest(address: &Address) -> GuestAddress {
    GuestAddress {
        tenant: address.tenant.as_str().to_owned(),
        kind: address.kind.as_str().to_owned(),
        key: address.key.as_str().to_owned(),
    }
}
