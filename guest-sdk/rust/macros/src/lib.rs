//! The derive macros of `greenroom-sdk`; use them as `greenroom::Command` and `greenroom::Event`.
//!
//! - `variants`: an enum as a list of named types, and what such an enum may not be.
//! - `attributes`: reading `#[command(..)]` and `#[event(..)]`.
//! - `command`, `event`: one derive each.

mod attributes;
mod command;
mod event;
mod upcast;
mod variants;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes an enum the commands of an actor; the trait `greenroom::Command` says what may be written.
#[proc_macro_derive(Command, attributes(command))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    command::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum the events of an actor; the trait `greenroom::Event` says what may be written.
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
