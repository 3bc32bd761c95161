//! Generated from `wit/v1`.

wasmtime::component::bindgen!({
    path: "../wit/v1",
    world: "actor",
    imports: { default: trappable },
    ownership: Borrowing { duplicate_if_necessary: true },
});
