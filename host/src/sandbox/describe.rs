//! Asks a component what it is, once, in an instance that is thrown away.

use std::sync::Arc;

use super::check::{check_manifest, wrong_export};
use super::link::Linked;
use super::shared::Shared;
use super::{CommandType, DeployError, EventType, InstanceOptions, Manifest, deadline, failure, store};
use crate::vocab::{Address, Owner};

/// The manifest, checked; also the first time that this component's code runs, on its owner's account.
pub(super) fn describe(shared: &Shared, owner: &Owner, linked: &Linked) -> Result<Manifest, DeployError> {
    let mut store = store::open(shared, nobody(owner)?, shared.share_of(owner));
    let instance = store::instantiate(&mut store, linked).map_err(DeployError::Describe)?;
    let actor = linked.exports.load(&mut store, &instance).map_err(|error| wrong_export(&error))?;
    deadline::arm(&mut store, shared.limits.guest_call_ms);
    let described = store::admitted(&mut store, |store| actor.greenroom_actor_behavior().call_describe(store));
    store.data_mut().leave();
    let described = described.map_err(|error| DeployError::Describe(failure::classify(store.data(), &error)))?;
    let manifest = Manifest {
        commands: described
            .commands
            .into_iter()
            .map(|command| CommandType { name: command.name, read_only: command.read_only })
            .collect(),
        events: described
            .events
            .into_iter()
            .map(|event| EventType { name: event.name, version: event.version })
            .collect(),
        state_version: described.state_version,
    };
    check_manifest(&manifest)?;
    Ok(manifest)
}

/// No actor is being described: kind and key are made up, and nothing that is said is logged.
fn nobody(owner: &Owner) -> Result<InstanceOptions, DeployError> {
    let tenant = match owner {
        Owner::Host => "default",
        Owner::Tenant(tenant) => tenant.as_str(),
    };
    let address = Address::new(tenant, "describe", "describe")
        .map_err(|error| DeployError::InvalidManifest { reason: error.to_string() })?;
    Ok(InstanceOptions { silent: true, ..InstanceOptions::of(Arc::new(address)) })
}
