//! `#[derive(Command)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Fields, Result, Variant};

use crate::attributes;
use crate::variants::{self, Unique, check_name, kebab_case};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let variants = variants::of(input, "Command")?;
    attributes::each(&input.attrs, "command", |meta| {
        Err(meta.error("`#[command(..)]` is written on a variant, not on the enum"))
    })?;
    let mut names = Unique::new();
    let mut types = Vec::new();
    let mut arms = Vec::new();
    for (position, variant) in (0_u16..).zip(variants) {
        let command = read(variant)?;
        let name = &command.name;
        names.insert(name.clone(), variant.ident.span(), || {
            format!("two commands are called `{name}`; rename one with `#[command(name = \"...\")]`")
        })?;
        let (ident, read_only, when_empty) = (&variant.ident, command.read_only, when_empty(&variant.fields));
        types.push(quote! { ::greenroom::CommandType { name: #name, read_only: #read_only, when_empty: #when_empty } });
        arms.push(quote! { Self::#ident { .. } => #position });
    }
    let ident = &input.ident;
    let of_self = if arms.is_empty() {
        quote! { *self }
    } else {
        quote! { self }
    };
    Ok(quote! {
        impl ::greenroom::Command for #ident {
            const TYPES: &'static [::greenroom::CommandType] = &[#(#types),*];

            fn index(&self) -> u16 {
                match #of_self { #(#arms),* }
            }
        }
    })
}

struct Command {
    name: String,
    read_only: bool,
}

fn read(variant: &Variant) -> Result<Command> {
    let mut command = Command { name: kebab_case(&variant.ident.to_string()), read_only: false };
    let mut span = variant.ident.span();
    attributes::each(&variant.attrs, "command", |meta| {
        if meta.path.is_ident("read_only") {
            command.read_only = true;
            Ok(())
        } else if meta.path.is_ident("name") {
            let name = attributes::string(meta)?;
            span = name.span();
            command.name = name.value();
            Ok(())
        } else {
            Err(attributes::unknown(meta, "command", "a variant", &["read_only", "name = \"...\""]))
        }
    })?;
    check_name(&command.name, span)?;
    Ok(command)
}

/// What an empty payload stands for.
fn when_empty(fields: &Fields) -> &'static str {
    match fields {
        Fields::Named(_) | Fields::Unit => "{}",
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => "null",
        Fields::Unnamed(_) => "[]",
    }
}
