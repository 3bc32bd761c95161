//! `GET /openapi.json`: the routes as a document, made from the table that routes the requests.

mod rehearsal;
mod revisions;
mod rollout;
mod schemas;
mod shapes;
mod trouble;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{
    Content, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr,
    Required, Response as ResponseObject, ResponseBuilder, Schema,
};

use super::access::Access;
use super::context::Context;
use super::http_status;
use super::route::{ParameterType, QueryParameter, RequestPayload, Route, Success, Verb};
use super::routes::ROUTES;
use crate::vocab::Code;

pub(super) static ROUTE: Route = Route {
    verb: Verb::Get,
    template: "/openapi.json",
    name: "openapi",
    about: "This document.",
    access: Access::Public,
    headers: &[],
    query: &[],
    body: None,
    success: Success { content_type: "application/json", schema: None, about: "The document.", headers: &[] },
    errors: &[],
};

pub(super) fn answer(context: &Context) -> Response {
    ([(CONTENT_TYPE, "application/json")], context.openapi.clone()).into_response()
}

/// The document as it is served.
pub(super) fn render() -> Bytes {
    // A document of texts and maps: there is nothing in it that could fail.
    document().to_pretty_json().map_or_else(|_| Bytes::new(), Bytes::from)
}

fn document() -> OpenApi {
    let paths = ROUTES.iter().fold(PathsBuilder::new(), |paths, route| {
        paths.path(route.template, PathItem::new(method(route.verb), operation(route)))
    });
    let info = InfoBuilder::new()
        .title("Greenroom")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Persistent actors over HTTP. Every error is a problem document with a stable code."))
        .license(Some(LicenseBuilder::new().name("Apache-2.0 OR MIT").build()));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(schemas::components())).build()
}

const fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Put => HttpMethod::Put,
        Verb::Patch => HttpMethod::Patch,
        Verb::Post => HttpMethod::Post,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route) -> OperationBuilder {
    let with_parameters = path_parameters(route.template)
        .chain(route.query.iter().map(query_parameter))
        .chain(
            route.headers.iter().map(|(name, about)| parameter(name, about, ParameterIn::Header, shapes::text(None))),
        )
        .fold(OperationBuilder::new(), OperationBuilder::parameter);
    let operation = with_parameters
        .operation_id(Some(route.name))
        .summary(Some(route.about))
        .request_body(route.body.as_ref().map(request_body))
        .response(if route.success.content_type.is_empty() { "204" } else { "200" }, success(&route.success));
    errors(route).into_iter().fold(operation, |operation, (status, response)| operation.response(status, response))
}

fn path_parameters(template: &'static str) -> impl Iterator<Item = Parameter> {
    template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| {
        let about = match name {
            "tenant" => "Whose; `default` exists from the start.",
            "owner" => "A tenant, or `-`: the host.",
            "id" => "A key's id: 16 hexadecimal digits.",
            "revision" => "The revision's number within its kind.",
            "kind" => "The deployed actor type: 1 to 64 of a-z, 0-9, '-' and '_'.",
            "key" => "Which actor: any text of 1 to 1024 bytes, percent-encoded.",
            "command" => "The command, as the component's manifest names it.",
            _ => "An error code, like GR0007.",
        };
        parameter(name, about, ParameterIn::Path, shapes::text(None))
    })
}

fn query_parameter(query: &QueryParameter) -> Parameter {
    let schema = match query.of {
        ParameterType::Text => shapes::text(None),
        ParameterType::Number => shapes::number(None),
        ParameterType::Switch => shapes::switch(None),
    };
    parameter(query.name, query.about, ParameterIn::Query, schema)
}

fn parameter(name: &str, about: &str, place: ParameterIn, schema: Schema) -> Parameter {
    let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}

fn request_body(body: &RequestPayload) -> utoipa::openapi::request_body::RequestBody {
    RequestBodyBuilder::new()
        .description(Some(body.about))
        .required(Some(if body.required { Required::True } else { Required::False }))
        .content(body.content_type, Content::new(None::<RefOr<Schema>>))
        .build()
}

fn success(success: &Success) -> ResponseObject {
    let response = success.headers.iter().fold(ResponseBuilder::new(), |response, (name, about)| {
        let header = HeaderBuilder::new().description(Some(*about)).schema(Some(shapes::number(None)));
        response.header(*name, header.build())
    });
    let response = response.description(success.about);
    if success.content_type.is_empty() {
        return response.build();
    }
    let schema = success.schema.map(|name| RefOr::<Schema>::Ref(Ref::from_schema_name(name)));
    response.content(success.content_type, Content::new(schema)).build()
}

/// One response per status; its description lists the codes, because several share a status.
fn errors(route: &Route) -> Vec<(String, ResponseObject)> {
    let codes = route.codes();
    let mut statuses: Vec<u16> = codes.iter().map(|code| http_status(*code).as_u16()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let response = |status: u16| {
        let lines: Vec<String> =
            codes.iter().filter(|code| http_status(**code).as_u16() == status).map(describe).collect();
        let content = Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name("Problem"))));
        let object = ResponseBuilder::new().description(lines.join("\n")).content("application/problem+json", content);
        (status.to_string(), object.build())
    };
    statuses.into_iter().map(response).collect()
}

fn describe(code: &Code) -> String {
    format!("{code}: {}", code.title())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn served() -> Value {
        serde_json::from_slice(&render()).unwrap()
    }

    #[test]
    fn the_document_has_the_paths_that_are_served_and_no_others() {
        let mut documented = BTreeSet::new();
        for (path, item) in served()["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                documented.insert((path.clone(), method.to_uppercase()));
            }
        }
        let served = ROUTES.iter().map(|route| (route.template.to_owned(), route.verb.as_str().to_owned())).collect();
        assert_eq!(documented, served);
    }

    #[test]
    fn every_operation_lists_its_error_codes_under_their_status() {
        let document = served();
        for route in ROUTES {
            let operation = &document["paths"][route.template][route.verb.as_str().to_lowercase()];
            for code in route.codes() {
                let status = http_status(code).as_u16().to_string();
                let text = operation["responses"][&status]["description"].as_str().unwrap_or_default();
                assert!(text.contains(&code.to_string()), "{} {status} lacks {code}", route.name);
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    map.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = served();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_path_parameter_is_declared() {
        let document = served();
        let operation = &document["paths"]["/v1/{tenant}/actors/{kind}/{key}/{command}"]["post"];
        let names: Vec<_> =
            operation["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["tenant", "kind", "key", "command", "Idempotency-Key", "Actor-*"]);
    }
}
