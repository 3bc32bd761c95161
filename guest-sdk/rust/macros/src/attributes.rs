//! Reading `#[command(..)]` and `#[event(..)]`.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Lit, LitStr, Result};

/// Calls `read` for each item of the attributes called `name`.
pub(crate) fn each(
    attributes: &[Attribute],
    name: &str,
    mut read: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        attribute.parse_nested_meta(|meta| read(&meta))?;
    }
    Ok(())
}

/// The error for an item that `attribute` does not have.
pub(crate) fn unknown(meta: &ParseNestedMeta<'_>, attribute: &str, place: &str, known: &[&str]) -> syn::Error {
    let found = meta.path.get_ident().map_or_else(|| "this".to_owned(), |ident| format!("`{ident}`"));
    let known = known.join("`, `");
    meta.error(format!("{found} is not known in `#[{attribute}(..)]` on {place}; known are: `{known}`"))
}

/// `= "..."`.
pub(crate) fn string(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// A version: a number from 1 to 65,535.
pub(crate) fn version(literal: &Lit) -> Result<u16> {
    let version = match literal {
        Lit::Int(number) => number.base10_parse::<u16>().ok(),
        _ => None,
    };
    version.filter(|&version| version > 0).ok_or_else(|| {
        syn::Error::new(literal.span(), "a version is a whole number from 1 to 65535, such as `version = 2`")
    })
}
