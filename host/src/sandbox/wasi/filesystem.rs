//! `wasi:filesystem`: no directory is open, so no descriptor can ever exist, and none of its methods can be reached.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Resource, ResourceType};
use wasmtime::{Engine, bail};

use crate::sandbox::state::State;

struct Descriptor;
struct DirectoryEntryStream;

pub(super) fn add_preopens(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut preopens = linker.instance("wasi:filesystem/preopens@0.2.0")?;
    preopens.func_wrap("get-directories", |_, (): ()| Ok((Vec::<(Resource<Descriptor>, String)>::new(),)))
}

/// Defines the functions of `wasi:filesystem/types` that this component imports, each as a trap.
///
/// Which ones they are differs between versions 0.2.x; calling any needs a descriptor or an I/O error, and the host
/// never makes either.
pub(in crate::sandbox) fn add_descriptors(
    linker: &mut Linker<State>,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<()> {
    let component_type = component.component_type();
    for (interface, item) in component_type.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        if !interface.starts_with("wasi:filesystem/types@") {
            continue;
        }
        let mut types = linker.instance(interface)?;
        for (name, export) in instance.exports(engine) {
            match (name, export.ty) {
                ("descriptor", ComponentItem::Resource(_)) => {
                    types.resource(name, ResourceType::host::<Descriptor>(), |_, _| Ok(()))?;
                }
                ("directory-entry-stream", ComponentItem::Resource(_)) => {
                    types.resource(name, ResourceType::host::<DirectoryEntryStream>(), |_, _| Ok(()))?;
                }
                (_, ComponentItem::ComponentFunc(_)) => {
                    types.func_new(name, |_, _, _, _| bail!("there is no filesystem"))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
