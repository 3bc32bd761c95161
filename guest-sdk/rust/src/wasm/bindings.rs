//! What wit-bindgen generates from the contract.

wit_bindgen::generate!({
    path: "wit",
    world: "actor",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "greenroom::wasm::bindings",
});
