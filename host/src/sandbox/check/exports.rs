//! Does it export what the contract asks for?

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::sandbox::DeployError;

/// The functions of the contract, by interface.
const CONTRACT: &[(&str, &[&str])] = &[
    ("greenroom:actor/behavior@1.", &["describe", "start", "replay", "recovered", "handle", "capture"]),
    ("greenroom:actor/inspect@1.", &["state-as-json", "event-as-json"]),
];

/// Refuses a component that lacks a function; names are compared here, types when it is instantiated.
pub(in crate::sandbox) fn check_exports(component: &Component) -> Result<(), DeployError> {
    let engine = component.engine();
    let component_type = component.component_type();
    for (interface, functions) in CONTRACT {
        let found = component_type.exports(engine).find(|(name, _)| name.starts_with(interface));
        let Some((name, ComponentItem::ComponentInstance(instance))) = found.map(|(name, item)| (name, item.ty)) else {
            return Err(DeployError::MissingExport { export: format!("{interface}x") });
        };
        for function in *functions {
            let item = instance.get_export(engine, function).map(|item| item.ty);
            if !matches!(item, Some(ComponentItem::ComponentFunc(_))) {
                return Err(DeployError::MissingExport { export: format!("{name} {function}") });
            }
        }
    }
    Ok(())
}

/// The refusal of a component whose functions have other types than the contract's.
pub(in crate::sandbox) fn wrong_export(error: &wasmtime::Error) -> DeployError {
    DeployError::MissingExport { export: format!("the contract's functions ({error:#})") }
}
