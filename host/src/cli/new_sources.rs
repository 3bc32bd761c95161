//! What a generated project is made of, embedded in the program.

/// A path inside its folder, and what the file holds.
pub(super) type Source = (&'static str, &'static str);

/// The project's own files; `{{name}}` and `{{file}}` stand for its name and its library's file name.
pub(super) const PROJECT: &[Source] = &[
    (".gitignore", include_str!("../../template/gitignore.in")),
    ("Cargo.toml", include_str!("../../template/Cargo.toml.in")),
    ("README.md", include_str!("../../template/README.md.in")),
    ("src/lib.rs", include_str!("../../template/src/lib.rs.in")),
];

/// The SDK's manifests: in its own repository they inherit from a workspace that the project does not have.
pub(super) const SDK_MANIFESTS: &[Source] = &[
    ("Cargo.toml", include_str!("../../template/vendor/sdk.toml.in")),
    ("macros/Cargo.toml", include_str!("../../template/vendor/macros.toml.in")),
];

/// The SDK's sources, as they are. A test compares this list with the folder.
pub(super) const SDK: &[Source] = &[
    ("macros/src/attributes.rs", include_str!("../../../guest-sdk/rust/macros/src/attributes.rs")),
    ("macros/src/command.rs", include_str!("../../../guest-sdk/rust/macros/src/command.rs")),
    ("macros/src/event.rs", include_str!("../../../guest-sdk/rust/macros/src/event.rs")),
    ("macros/src/lib.rs", include_str!("../../../guest-sdk/rust/macros/src/lib.rs")),
    ("macros/src/upcast.rs", include_str!("../../../guest-sdk/rust/macros/src/upcast.rs")),
    ("macros/src/variants.rs", include_str!("../../../guest-sdk/rust/macros/src/variants.rs")),
    ("src/actor.rs", include_str!("../../../guest-sdk/rust/src/actor.rs")),
    ("src/address.rs", include_str!("../../../guest-sdk/rust/src/address.rs")),
    ("src/answer.rs", include_str!("../../../guest-sdk/rust/src/answer.rs")),
    ("src/codec/error.rs", include_str!("../../../guest-sdk/rust/src/codec/error.rs")),
    ("src/codec/mod.rs", include_str!("../../../guest-sdk/rust/src/codec/mod.rs")),
    ("src/codec/untagged.rs", include_str!("../../../guest-sdk/rust/src/codec/untagged.rs")),
    ("src/codec/variant.rs", include_str!("../../../guest-sdk/rust/src/codec/variant.rs")),
    ("src/command.rs", include_str!("../../../guest-sdk/rust/src/command.rs")),
    ("src/effect.rs", include_str!("../../../guest-sdk/rust/src/effect.rs")),
    ("src/event.rs", include_str!("../../../guest-sdk/rust/src/event.rs")),
    ("src/export.rs", include_str!("../../../guest-sdk/rust/src/export.rs")),
    ("src/instance.rs", include_str!("../../../guest-sdk/rust/src/instance.rs")),
    ("src/lib.rs", include_str!("../../../guest-sdk/rust/src/lib.rs")),
    ("src/log.rs", include_str!("../../../guest-sdk/rust/src/log.rs")),
    ("src/testing/checks.rs", include_str!("../../../guest-sdk/rust/src/testing/checks.rs")),
    ("src/testing/given.rs", include_str!("../../../guest-sdk/rust/src/testing/given.rs")),
    ("src/testing/golden.rs", include_str!("../../../guest-sdk/rust/src/testing/golden.rs")),
    ("src/testing/mod.rs", include_str!("../../../guest-sdk/rust/src/testing/mod.rs")),
    ("src/testing/then.rs", include_str!("../../../guest-sdk/rust/src/testing/then.rs")),
    ("src/time.rs", include_str!("../../../guest-sdk/rust/src/time.rs")),
    ("src/turn.rs", include_str!("../../../guest-sdk/rust/src/turn.rs")),
    ("src/wasm/bindings.rs", include_str!("../../../guest-sdk/rust/src/wasm/bindings.rs")),
    ("src/wasm/mod.rs", include_str!("../../../guest-sdk/rust/src/wasm/mod.rs")),
    ("wit/actor.wit", include_str!("../../../guest-sdk/rust/wit/actor.wit")),
];
