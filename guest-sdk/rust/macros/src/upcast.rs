//! `upcast(1 = function, codec)` and `upcast("name", 1 = function, codec)`.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, Lit, LitInt, LitStr, Path, Result, Token};

use crate::attributes;
use crate::event::Codec;

/// How one old version of an event becomes new events.
pub(crate) struct Upcast {
    /// The type's name; only for types that are no longer a variant.
    pub(crate) name: Option<LitStr>,
    /// Where its version is written.
    pub(crate) span: Span,
    pub(crate) version: u16,
    pub(crate) function: Path,
    pub(crate) codec: Option<Codec>,
}

impl Parse for Upcast {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Option<LitStr> = if input.peek(LitStr) { Some(input.parse()?) } else { None };
        if name.is_some() {
            input.parse::<Token![,]>()?;
        }
        if !input.peek(LitInt) {
            return Err(
                input.error("write `upcast(1 = function)`: the old version, and what turns its payload into events")
            );
        }
        let literal: Lit = input.parse()?;
        let version = attributes::version(&literal)?;
        input.parse::<Token![=]>()?;
        let function = input.parse()?;
        let codec = if input.peek(Token![,]) { Some(codec(input)?) } else { None };
        if !input.is_empty() {
            return Err(input.error("an upcast names one old version; write another `upcast(..)` for the next"));
        }
        Ok(Self { name, span: literal.span(), version, function, codec })
    }
}

fn codec(input: ParseStream<'_>) -> Result<Codec> {
    input.parse::<Token![,]>()?;
    let codec: Ident = input.parse().map_err(|error| {
        syn::Error::new(error.span(), "here stands the codec of the old payload: `bincode` or `json`; write another `upcast(..)` for another version")
    })?;
    Codec::named(&codec)
        .ok_or_else(|| syn::Error::new(codec.span(), "the codec of the old payload is `bincode` or `json`"))
}
