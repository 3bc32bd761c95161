//! What schemas are made of.

use utoipa::openapi::schema::{ArrayBuilder, SchemaType};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema, Type};

use Presence::Always;

/// A member of an object: its name, whether it is always there, and its shape.
pub(super) type Member = (&'static str, Presence, RefOr<Schema>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Always,
    Sometimes,
}

pub(super) fn text(about: Option<&str>) -> Schema {
    typed(Type::String, about)
}

pub(super) fn number(about: Option<&str>) -> Schema {
    typed(Type::Integer, about)
}

pub(super) fn switch(about: Option<&str>) -> Schema {
    typed(Type::Boolean, about)
}

pub(super) fn nullable_number(about: &str) -> RefOr<Schema> {
    RefOr::T(typed(SchemaType::Array(vec![Type::Integer, Type::Null]), Some(about)))
}

pub(super) fn anything(about: &str) -> RefOr<Schema> {
    RefOr::T(typed(SchemaType::AnyValue, Some(about)))
}

pub(super) fn typed(of: impl Into<SchemaType>, about: Option<&str>) -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(of).description(about).build())
}

pub(super) fn list(items: RefOr<Schema>) -> RefOr<Schema> {
    RefOr::T(Schema::Array(ArrayBuilder::new().items(items).build()))
}

pub(super) fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

pub(super) fn object(members: Vec<Member>) -> Schema {
    Schema::Object(with_members(ObjectBuilder::new().schema_type(Type::Object), members).build())
}

pub(super) fn with_members(object: ObjectBuilder, members: Vec<Member>) -> ObjectBuilder {
    members.into_iter().fold(object, |object, (name, presence, shape)| {
        let object = object.property(name, shape);
        if presence == Always { object.required(name) } else { object }
    })
}
