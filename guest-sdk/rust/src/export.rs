//! Making a component of an actor.

/// Exports an actor as a Greenroom component. Write it once, at the top level of the crate.
///
/// Outside wasm it only checks that the type is an [`Actor`](crate::Actor), so the crate tests natively. The
/// crate needs `crate-type = ["cdylib"]`; build it with `cargo build --target wasm32-wasip2 --release`.
#[macro_export]
macro_rules! export {
    ($actor:ty) => {
        $crate::__export!($actor);
    };
}

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($actor:ty) => {
        const _: fn() = || {
            fn is_an_actor<A: $crate::Actor>() {}
            is_an_actor::<$actor>();
        };
    };
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($actor:ty) => {
        const _: () = {
            struct Component;

            impl $crate::wasm::Exported for Component {
                type Actor = $actor;

                fn with_slot<R>(visit: impl FnOnce(&mut $crate::wasm::Slot<$actor>) -> R) -> R {
                    ::std::thread_local! {
                        static SLOT: ::core::cell::RefCell<$crate::wasm::Slot<$actor>> =
                            const { ::core::cell::RefCell::new(None) };
                    }
                    SLOT.with_borrow_mut(visit)
                }
            }

    $crate::wasm::bindings::export_component!(Component with_types_in $crate::wasm::bindings);

            // The contract's major version, which the host reads before it runs anything. In the crate that is
            // linked last, so that the linker sees the section even if nothing else of the SDK is used.
            #[used]
            #[unsafe(link_section = "greenroom:contract")]
            static CONTRACT: [u8; 1] = *b"1";
        };
    };
}
