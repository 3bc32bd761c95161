//! `GET /v1/{tenant}/actors/{kind}`: the actors of a kind, a page at a time.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::access::Access;
use super::context::Context;
use super::problem::Problem;
use super::query::Query;
use super::route::{KIND, ParameterType, QueryParameter, READ, Route, Success, Verb};
use crate::provider::ActorListing;
use crate::vocab::{Kind, Scope, Sequence, Tenant};

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/v1/{tenant}/actors/{kind}",
    name: "listActors",
    about: "The actors of a kind that ever stored an event, by key.",
    access: Access::Owner(Scope::Read),
    headers: &[],
    query: &[
        QueryParameter {
            name: "after",
            of: ParameterType::Text,
            about: "List keys after this one; the `next` of the page before.",
        },
        QueryParameter { name: "limit", of: ParameterType::Number, about: "Actors on the page, 1 to 1000; else 100." },
    ],
    body: None,
    success: Success {
        content_type: "application/json",
        schema: Some("Actors"),
        about: "A page; `next` is null on the last one.",
        headers: &[],
    },
    errors: &[KIND, READ],
};

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Page {
    actors: Vec<Entry>,
    next: Option<String>,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Entry {
    key: String,
    sequence: Sequence,
}

pub(super) async fn answer(
    context: &Context,
    tenant: &Tenant,
    kind: &Kind,
    query: &Query,
) -> Result<Response, Problem> {
    let limit = query.page()?;
    // One more than asked for tells whether there is a next page.
    let listing = context.host.actors(tenant, kind, query.text("after"), limit.saturating_add(1)).await?;
    Ok(Json(page(listing, limit)).into_response())
}

fn page(mut listing: Vec<ActorListing>, limit: usize) -> Page {
    let more = listing.len() > limit;
    listing.truncate(limit);
    let actors: Vec<Entry> = listing
        .into_iter()
        .map(|actor| Entry { key: actor.address.key.as_str().to_owned(), sequence: actor.sequence })
        .collect();
    let next = if more { actors.last().map(|entry| entry.key.clone()) } else { None };
    Page { actors, next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Address;
    use std::sync::Arc;

    fn listing(keys: &[&str]) -> Vec<ActorListing> {
        let actor = |key: &&str| ActorListing {
            address: Arc::new(Address::new("default", "counter", *key).unwrap()),
            sequence: Sequence(3),
        };
        keys.iter().map(actor).collect()
    }

    #[test]
    fn a_full_page_names_its_last_key_as_the_cursor() {
        let page = page(listing(&["a", "b", "c"]), 2);
        assert_eq!(page.actors.len(), 2);
        assert_eq!(page.next.as_deref(), Some("b"));
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        assert_eq!(page(listing(&["a", "b"]), 2).next, None);
        assert_eq!(page(listing(&[]), 2), Page { actors: vec![], next: None });
    }
}
