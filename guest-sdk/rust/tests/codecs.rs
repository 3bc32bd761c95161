//! The SDK's own readers against the libraries whose formats they read.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "the helpers of tests fail like tests")]

use std::collections::BTreeMap;

use greenroom::codec::{decode_event, encode_event};
use greenroom::{Codec, Event};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(u32),
    Box(i8, i16),
    Named { sides: Vec<u8>, label: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    small: (u8, u16, u32, u64, u128),
    signed: (i8, i16, i32, i64, i128),
    real: (f32, f64),
    yes: bool,
    letter: char,
    text: String,
    maybe: Option<Option<u8>>,
    unit: (),
    shapes: Vec<Shape>,
    map: BTreeMap<u16, String>,
    #[serde(default)]
    left_out: u8,
}

/// A payload of each kind: a newtype's payload is the inner value, with nothing around it.
#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
enum Binary {
    All(Box<Everything>),
    None,
    Pair(u8, u8),
    Fields { by: u64, why: String },
}

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(json)]
enum Text {
    Any(Value),
    All(Box<Everything>),
    Shape(Shape),
    Keys(BTreeMap<i32, BTreeMap<bool, u8>>),
}

fn everything() -> Everything {
    Everything {
        small: (255, 65_535, 70_000, u64::MAX, u128::MAX),
        signed: (-128, -32_768, -70_000, i64::MIN, i128::MIN),
        real: (1.5, -2.25e300),
        yes: true,
        letter: 'ß',
        text: "line\n\"quoted\" \u{1F600} \u{7f}\u{1}".to_owned(),
        maybe: Some(Some(3)),
        unit: (),
        shapes: vec![
            Shape::Point,
            Shape::Circle(251),
            Shape::Box(-1, 300),
            Shape::Named { sides: vec![1, 2, 3], label: Some(String::new()) },
        ],
        map: BTreeMap::from([(1, "a".to_owned()), (300, "b".to_owned())]),
        left_out: 9,
    }
}

/// Bytes that look random and are the same every time.
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    /// Changes, cuts or doubles a part of `bytes`.
    fn damage(&mut self, bytes: &[u8], alphabet: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(damaged.len().max(1));
            match self.below(4) {
                0 => damaged.truncate(at),
                1 => damaged.insert(at.min(damaged.len()), alphabet[self.below(alphabet.len())]),
                2 if !damaged.is_empty() => damaged[at] = alphabet[self.below(alphabet.len())],
                _ if !damaged.is_empty() => drop(damaged.remove(at)),
                _ => {}
            }
        }
        damaged
    }
}

fn bincode_says(bytes: &[u8]) -> Option<Everything> {
    let config = bincode::config::standard().with_limit::<{ 16 * 1_024 * 1_024 }>();
    let (value, read) = bincode::serde::decode_from_slice(bytes, config).ok()?;
    (read == bytes.len()).then_some(value)
}

#[test]
fn bincode_payloads_are_what_bincode_itself_writes_and_reads() {
    let value = everything();
    let mut bytes = Vec::new();
    encode_event(&Binary::All(Box::new(value.clone())), Codec::Bincode, &mut bytes).unwrap();
    assert_eq!(bytes, bincode::serde::encode_to_vec(&value, bincode::config::standard()).unwrap());
    assert_eq!(decode_event::<Binary>(0, Codec::Bincode, &bytes).unwrap(), Binary::All(Box::new(value)));
}

#[test]
fn damaged_bincode_is_judged_as_bincode_itself_judges_it() {
    let mut bytes = Vec::new();
    encode_event(&Binary::All(Box::new(everything())), Codec::Bincode, &mut bytes).unwrap();
    let (mut noise, alphabet) = (Noise(1), (0..=255).collect::<Vec<u8>>());
    let mut accepted = 0;
    for _ in 0..20_000 {
        let damaged = noise.damage(&bytes, &alphabet);
        let ours = match decode_event::<Binary>(0, Codec::Bincode, &damaged) {
            Ok(Binary::All(value)) => Some(*value),
            _ => None,
        };
        let theirs = bincode_says(&damaged);
        accepted += usize::from(theirs.is_some());
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{damaged:?}");
    }
    assert!(accepted > 100, "damage that is never accepted tests only refusals: {accepted}");
}

#[test]
fn payloads_hold_no_tag_and_no_field_names() {
    for (event, bytes) in [
        (Binary::None, vec![]),
        (Binary::Pair(1, 2), vec![1, 2]),
        (Binary::Fields { by: 300, why: "x".to_owned() }, vec![251, 44, 1, 1, b'x']),
    ] {
        let mut payload = Vec::new();
        event.encode(&mut payload).unwrap();
        assert_eq!(payload, bytes);
        let mut decoded = Vec::new();
        Binary::decode(event.index(), &payload, &mut |event| decoded.push(event)).unwrap();
        assert_eq!(decoded, [event]);
    }
}

#[test]
fn bytes_behind_a_payload_are_refused() {
    let error = decode_event::<Binary>(1, Codec::Bincode, &[0]).unwrap_err();
    assert_eq!(error.to_string(), "1 bytes are left over");
}

#[test]
fn a_length_that_lies_is_refused_without_allocating() {
    let mut lie = vec![1, 253];
    lie.extend_from_slice(&u64::MAX.to_le_bytes());
    decode_event::<Binary>(3, Codec::Bincode, &lie).unwrap_err();
}

fn any(text: &[u8]) -> Option<Value> {
    match decode_event::<Text>(0, Codec::Json, text) {
        Ok(Text::Any(value)) => Some(value),
        _ => None,
    }
}

#[test]
fn typed_json_is_judged_as_serde_json_judges_it() {
    let (mut noise, alphabet) = (Noise(3), b"{}[]\",:0123456789e.-ntf ".to_vec());
    let value = everything();
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(decode_event::<Text>(1, Codec::Json, text.as_bytes()).unwrap(), Text::All(Box::new(value)));
    let mut accepted = 0;
    for _ in 0..20_000 {
        let damaged = noise.damage(text.as_bytes(), &alphabet);
        let ours = match decode_event::<Text>(1, Codec::Json, &damaged) {
            Ok(Text::All(value)) => Some(*value),
            _ => None,
        };
        let theirs: Option<Everything> = serde_json::from_slice(&damaged).ok();
        accepted += usize::from(theirs.is_some());
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{}", String::from_utf8_lossy(&damaged));
    }
    assert!(accepted > 100, "damage that is never accepted tests only refusals: {accepted}");
}

#[test]
fn enums_and_keys_are_read_as_serde_json_reads_them() {
    for text in [
        "\"Point\"",
        "{\"Point\":null}",
        "{\"Point\": null }",
        "{\"Point\":{}}",
        "{\"Circle\":5}",
        "\"Circle\"",
        "{\"Box\":[1,2]}",
        "{\"Box\":[1]}",
        "{\"Named\":{\"sides\":[1],\"label\":null}}",
        "{\"Named\":[[1],null]}",
        "{\"Unknown\":1}",
        "{}",
        "{\"Point\":null,\"Circle\":1}",
        "5",
    ] {
        let ours = decode_event::<Text>(2, Codec::Json, text.as_bytes()).ok();
        assert_eq!(ours, serde_json::from_str(text).ok().map(Text::Shape), "{text}");
    }
    for text in [
        "{\"-5\":{\"true\":1}}",
        "{\"x\":{}}",
        "{\"5\":{\"yes\":1}}",
        "{\"5.0\":{}}",
        "{\"\":{}}",
        "{\"+5\":{}}",
        "{\"05\":{}}",
    ] {
        let ours = decode_event::<Text>(3, Codec::Json, text.as_bytes()).ok();
        assert_eq!(ours, serde_json::from_str(text).ok().map(Text::Keys), "{text}");
    }
}

#[test]
fn json_nested_without_end_is_refused() {
    for open in ["[", "{\"a\":"] {
        assert_eq!(any(open.repeat(100_000).as_bytes()), None);
    }
}

#[test]
fn errors_say_what_and_where() {
    let said = |text: &str| decode_event::<Text>(1, Codec::Json, text.as_bytes()).unwrap_err().to_string();
    assert_eq!(said("{}"), "missing field `small` at line 1 column 2");
    let wrong = said("{\"yes\": 1}");
    assert!(wrong.starts_with("invalid type: integer `1`, expected a boolean at line 1"), "{wrong}");
    let open = said("{\"yes\": true");
    assert!(open.starts_with("EOF while parsing an object at line 1"), "{open}");
}
