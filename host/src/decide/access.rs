//! Whether a key may do something. One rule for every route and every verb.

use crate::vocab::{Owner, Scope, Scopes};

/// Why a key may not do something. Deliberately says nothing about what exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The key belongs to somebody else.
    NotYours,
    /// The key lacks the scope.
    Scope,
}

/// Whether a key of `holder` with `scopes` may do what needs `scope` on something of `of`.
///
/// A key of the host may act on every tenant; a tenant's key on its own tenant only, and never on the host.
///
/// # Errors
/// Why not. Whose it is is decided first, so that the answer does not depend on what exists there.
pub fn permit(holder: &Owner, scopes: &Scopes, of: &Owner, scope: Scope) -> Result<(), Denial> {
    if *holder != Owner::Host && holder != of {
        return Err(Denial::NotYours);
    }
    if scopes.contains(&scope) { Ok(()) } else { Err(Denial::Scope) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Tenant;

    fn tenant(name: &str) -> Owner {
        Owner::Tenant(Tenant::new(name).expect("a name"))
    }

    #[test]
    fn a_tenants_key_reaches_its_own_tenant_only() {
        let all = Scopes::from(Scope::ALL);
        assert_eq!(permit(&tenant("a"), &all, &tenant("a"), Scope::Admin), Ok(()));
        assert_eq!(permit(&tenant("a"), &all, &tenant("b"), Scope::Read), Err(Denial::NotYours));
        assert_eq!(permit(&tenant("a"), &all, &Owner::Host, Scope::Read), Err(Denial::NotYours));
        assert_eq!(permit(&Owner::Host, &all, &tenant("b"), Scope::Read), Ok(()));
    }

    #[test]
    fn no_scope_includes_another() {
        for held in Scope::ALL {
            for needed in Scope::ALL {
                let permitted = permit(&Owner::Host, &Scopes::from([held]), &Owner::Host, needed).is_ok();
                assert_eq!(permitted, held == needed, "{held} {needed}");
            }
        }
    }
}
