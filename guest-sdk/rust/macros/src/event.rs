//! `#[derive(Event)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Ident, Path, Result, Variant, parenthesized};

use crate::attributes;
use crate::upcast::Upcast;
use crate::variants::{self, Unique, check_name, kebab_case};

/// How a payload is encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Bincode,
    Json,
}

impl Codec {
    pub(crate) fn named(ident: &Ident) -> Option<Self> {
        match ident.to_string().as_str() {
            "bincode" => Some(Self::Bincode),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn tokens(self) -> TokenStream {
        match self {
            Self::Bincode => quote! { ::greenroom::Codec::Bincode },
            Self::Json => quote! { ::greenroom::Codec::Json },
        }
    }
}

/// A variant: what is appended.
struct Current<'a> {
    ident: &'a Ident,
    name: String,
    version: u16,
    codec: Codec,
}

/// A version that is only replayed.
struct Old {
    name: String,
    version: u16,
    function: Path,
    codec: Codec,
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let variants = variants::of(input, "Event")?;
    let mut unique = Unique::new();
    let (default_codec, retired) = read_enum(input)?;
    let mut currents = Vec::new();
    let mut olds = Vec::new();
    for variant in variants {
        let (current, upcasts) = read_variant(variant, default_codec)?;
        insert(&mut unique, &current.name, current.version, variant.ident.span())?;
        for upcast in upcasts {
            olds.push(old_version(upcast, &current, &mut unique)?);
        }
        currents.push(current);
    }
    for upcast in retired {
        olds.push(retired_type(upcast, default_codec, &currents, &mut unique)?);
    }
    if currents.len() + olds.len() > usize::from(u16::MAX) {
        return Err(Error::new_spanned(&input.ident, "an actor has at most 65,535 event types, old versions included"));
    }
    Ok(implementation(&input.ident, &currents, &olds))
}

fn insert(unique: &mut Unique<(String, u16)>, name: &str, version: u16, span: proc_macro2::Span) -> Result<()> {
    unique.insert((name.to_owned(), version), span, || {
        format!("two events are called `{name}` version {version}; rename one with `#[event(name = \"...\")]`")
    })
}

fn read_enum(input: &DeriveInput) -> Result<(Codec, Vec<Upcast>)> {
    let mut codec = Codec::Bincode;
    let mut retired = Vec::new();
    attributes::each(&input.attrs, "event", |meta| {
        if let Some(named) = meta.path.get_ident().and_then(Codec::named) {
            codec = named;
        } else if meta.path.is_ident("upcast") {
            let content;
            parenthesized!(content in meta.input);
            retired.push(content.parse()?);
        } else {
            let known = ["json", "bincode", "upcast(\"retired-name\", 1 = function)"];
            return Err(attributes::unknown(meta, "event", "the enum", &known));
        }
        Ok(())
    })?;
    Ok((codec, retired))
}

fn read_variant(variant: &Variant, default_codec: Codec) -> Result<(Current<'_>, Vec<Upcast>)> {
    let ident = &variant.ident;
    let mut current = Current { ident, name: kebab_case(&ident.to_string()), version: 1, codec: default_codec };
    let mut span = ident.span();
    let mut upcasts = Vec::new();
    attributes::each(&variant.attrs, "event", |meta| {
        if let Some(named) = meta.path.get_ident().and_then(Codec::named) {
            current.codec = named;
        } else if meta.path.is_ident("name") {
            let name = attributes::string(meta)?;
            span = name.span();
            current.name = name.value();
        } else if meta.path.is_ident("version") {
            current.version = attributes::version(&meta.value()?.parse()?)?;
        } else if meta.path.is_ident("upcast") {
            let content;
            parenthesized!(content in meta.input);
            upcasts.push(content.parse()?);
        } else {
            let known = ["name = \"...\"", "version = 2", "json", "bincode", "upcast(1 = function)"];
            return Err(attributes::unknown(meta, "event", "a variant", &known));
        }
        Ok(())
    })?;
    check_name(&current.name, span)?;
    Ok((current, upcasts))
}

fn old_version(upcast: Upcast, current: &Current<'_>, unique: &mut Unique<(String, u16)>) -> Result<Old> {
    if let Some(name) = upcast.name {
        let message = "on a variant, an upcast has the variant's name; a retired type is written on the enum";
        return Err(Error::new(name.span(), message));
    }
    if upcast.version >= current.version {
        let message = format!(
            "an upcast is from an older version, but `{}` is at version {}; write `version = {}` beside it",
            current.name,
            current.version,
            u32::from(upcast.version) + 1
        );
        return Err(Error::new(upcast.span, message));
    }
    insert(unique, &current.name, upcast.version, upcast.span)?;
    Ok(Old {
        name: current.name.clone(),
        version: upcast.version,
        function: upcast.function,
        codec: upcast.codec.unwrap_or(current.codec),
    })
}

fn retired_type(
    upcast: Upcast,
    default_codec: Codec,
    currents: &[Current<'_>],
    unique: &mut Unique<(String, u16)>,
) -> Result<Old> {
    let Some(name) = upcast.name else {
        let message = "on the enum, an upcast names the retired type: `upcast(\"name\", 1 = function)`; for an older \
                       version of a variant, write it on the variant";
        return Err(Error::new(upcast.span, message));
    };
    check_name(&name.value(), name.span())?;
    if let Some(current) = currents.iter().find(|current| current.name == name.value()) {
        let message = format!("`{}` is the variant `{}`: write the upcast there", current.name, current.ident);
        return Err(Error::new(name.span(), message));
    }
    insert(unique, &name.value(), upcast.version, upcast.span)?;
    let codec = upcast.codec.unwrap_or(default_codec);
    Ok(Old { name: name.value(), version: upcast.version, function: upcast.function, codec })
}

fn implementation(ident: &Ident, currents: &[Current<'_>], olds: &[Old]) -> TokenStream {
    let names = currents.iter().map(|it| &it.name).chain(olds.iter().map(|it| &it.name));
    let versions = currents.iter().map(|it| it.version).chain(olds.iter().map(|it| it.version));
    let index_arms = (0_u16..).zip(currents).map(|(index, current)| {
        let ident = current.ident;
        quote! { Self::#ident { .. } => #index }
    });
    let of_self = if currents.is_empty() {
        quote! { *self }
    } else {
        quote! { self }
    };
    let index = quote! { match #of_self { #(#index_arms),* } };
    let encode = encode(currents);
    let decode = decode(currents, olds);
    let to_json = to_json(currents, olds);
    quote! {
        impl ::greenroom::Event for #ident {
            const TYPES: &'static [::greenroom::EventType] =
                &[#(::greenroom::EventType { name: #names, version: #versions }),*];

            #[inline]
            fn index(&self) -> u16 {
                #index
            }

            #[inline]
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) -> ::core::result::Result<(), ::greenroom::CodecError> {
                #encode
            }

            #[inline]
            fn decode(
                index: u16,
                payload: &[u8],
                sink: &mut impl ::core::ops::FnMut(Self),
            ) -> ::core::result::Result<(), ::greenroom::CodecError> {
                #decode
            }

            fn to_json(
                index: u16,
                payload: &[u8],
            ) -> ::core::result::Result<::std::string::String, ::greenroom::CodecError> {
                #to_json
            }
        }
    }
}

/// Which variants have which codec, as one pattern per codec: code for a codec that is not used is not linked.
fn by_codec<'a, T>(
    currents: &'a [Current<'a>],
    pattern: impl Fn(u16, &'a Current<'a>) -> T,
) -> Vec<(TokenStream, Vec<T>)> {
    [Codec::Bincode, Codec::Json]
        .into_iter()
        .map(|codec| {
            let of_codec = (0_u16..).zip(currents).filter(|(_, current)| current.codec == codec);
            (codec.tokens(), of_codec.map(|(index, current)| pattern(index, current)).collect::<Vec<_>>())
        })
        .filter(|(_, patterns)| !patterns.is_empty())
        .collect()
}

fn encode(currents: &[Current<'_>]) -> TokenStream {
    let arms = by_codec(currents, |_, current| current.ident).into_iter().map(|(codec, idents)| {
        quote! { #(Self::#idents { .. })|* => ::greenroom::codec::encode_event(self, #codec, out) }
    });
    if currents.is_empty() {
        quote! { let _ = out; match *self {} }
    } else {
        quote! { match self { #(#arms),* } }
    }
}

fn decode(currents: &[Current<'_>], olds: &[Old]) -> TokenStream {
    let current_arms = by_codec(currents, |index, _| index).into_iter().map(|(codec, indices)| {
        quote! {
            #(#indices)|* => {
                sink(::greenroom::codec::decode_event::<Self>(index, #codec, payload)?);
                ::core::result::Result::Ok(())
            }
        }
    });
    let old_arms = indexed(currents, olds).map(|(index, old)| {
        let (function, codec) = (&old.function, old.codec.tokens());
        let call = quote_spanned! { function.span() => ::greenroom::codec::upcast::<Self, _, _>(#function, #codec, payload, sink) };
        quote! { #index => #call }
    });
    quote! {
        match index {
            #(#current_arms,)*
            #(#old_arms,)*
            _ => ::core::result::Result::Err(::greenroom::codec::unknown_type(index)),
        }
    }
}

fn to_json(currents: &[Current<'_>], olds: &[Old]) -> TokenStream {
    let current_arms = by_codec(currents, |index, _| index).into_iter().map(|(codec, indices)| {
        quote! { #(#indices)|* => ::greenroom::codec::event_to_json::<Self>(index, #codec, payload) }
    });
    let old_arms = indexed(currents, olds).map(|(index, old)| {
        let (function, codec) = (&old.function, old.codec.tokens());
        quote! { #index => ::greenroom::codec::old_to_json(#function, #codec, payload) }
    });
    quote! {
        match index {
            #(#current_arms,)*
            #(#old_arms,)*
            _ => ::core::result::Result::Err(::greenroom::codec::unknown_type(index)),
        }
    }
}

/// Old versions come after the variants.
fn indexed<'a>(currents: &[Current<'_>], olds: &'a [Old]) -> impl Iterator<Item = (u16, &'a Old)> {
    (0_u16..).skip(currents.len()).zip(olds)
}
