//! An enum as a list of named types.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Meta, Result, Token, Variant};

/// Variants that one enum may have: their positions cross as 16-bit numbers.
const VARIANTS_MAX: usize = u16::MAX as usize;
/// Bytes of a name: it becomes a part of paths and of every journal that holds the type.
const NAME_BYTES_MAX: usize = 64;

/// The variants of an enum that can be a set of types, or what to write instead.
pub(crate) fn of<'a>(input: &'a DeriveInput, derive: &str) -> Result<Vec<&'a Variant>> {
    let Data::Enum(data) = &input.data else {
        let name = &input.ident;
        let message = format!(
            "`{derive}` is derived for an enum: each variant is one {kind}.\nWrite `enum {name} {{ .. }}` with a \
             variant for each {kind}",
            kind = derive.to_lowercase()
        );
        return Err(Error::new_spanned(&input.ident, message));
    };
    if !input.generics.params.is_empty() {
        let message = format!("`{derive}` cannot be generic: what is stored needs one layout. Name the types instead");
        return Err(Error::new_spanned(&input.generics, message));
    }
    if data.variants.len() > VARIANTS_MAX {
        return Err(Error::new_spanned(&input.ident, "an enum of types has at most 65,535 variants"));
    }
    let representation = ["tag", "content", "untagged", "from", "try_from", "into", "remote"];
    refuse_serde(&input.attrs, &representation, "an enum of types needs serde's default representation")?;
    let variants: Vec<_> = data.variants.iter().collect();
    let skipping = ["skip", "skip_serializing", "skip_deserializing", "other", "untagged"];
    for variant in &variants {
        refuse_serde(&variant.attrs, &skipping, "every variant is a type that can be decoded")?;
    }
    Ok(variants)
}

fn refuse_serde(attributes: &[Attribute], refused: &[&str], why: &str) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        for meta in attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            if let Some(found) = refused.iter().find(|&&refused| meta.path().is_ident(refused)) {
                let message = format!("`#[serde({found})]` cannot be used here: {why}. Remove it");
                return Err(Error::new(meta.span(), message));
            }
        }
    }
    Ok(())
}

/// `MoveMoney` → `move-money`, `HTTPCall` → `http-call`.
pub(crate) fn kebab_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut kebab = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        let begins_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() && *before != '_' || after.is_some_and(|after| after.is_lowercase())
            });
        if letter == '_' || begins_word && !kebab.ends_with('-') {
            kebab.push('-');
        }
        if letter != '_' {
            kebab.extend(letter.to_lowercase());
        }
    }
    kebab
}

/// Refuses a name that the host would refuse.
pub(crate) fn check_name(name: &str, span: Span) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let word = |word: &str| !word.is_empty() && word.bytes().all(allowed);
    if name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('-').all(word)
        && name.len() <= NAME_BYTES_MAX
    {
        return Ok(());
    }
    let message = format!(
        "`{name}` is not a name in kebab case: use a-z, 0-9 and single hyphens, start with a letter, at most \
         {NAME_BYTES_MAX} bytes, such as `money-moved`"
    );
    Err(Error::new(span, message))
}

/// Refuses a second use of the same key.
pub(crate) struct Unique<K> {
    first: BTreeMap<K, Span>,
}

impl<K: Ord> Unique<K> {
    pub(crate) fn new() -> Self {
        Self { first: BTreeMap::new() }
    }

    pub(crate) fn insert(&mut self, key: K, span: Span, message: impl Fn() -> String) -> Result<()> {
        match self.first.insert(key, span) {
            None => Ok(()),
            Some(first) => {
                let mut error = Error::new(span, message());
                error.combine(Error::new(first, "it is first used here"));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::kebab_case;

    #[test]
    fn names_become_kebab_case() {
        for (name, kebab) in [
            ("Increment", "increment"),
            ("MoveMoney", "move-money"),
            ("HTTPCall", "http-call"),
            ("V2Moved", "v2-moved"),
            ("Snake_Case", "snake-case"),
            ("A", "a"),
        ] {
            assert_eq!(kebab_case(name), kebab);
        }
    }
}
