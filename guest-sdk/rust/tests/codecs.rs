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
    assert_eq!(error.to_string(), "bytes are left over behind the value");
}

#[test]
fn a_length_that_lies_is_refused_without_allocating() {
    let mut lie = vec![1, 253];
    lie.extend_from_slice(&u64::MAX.to_le_bytes());
    decode_event::<Binary>(3, Codec::Bincode, &lie).unwrap_err();
}

const DOCUMENTS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "12345678901234567890",
    "123456789012345678901234567890",
    "1e400",
    "-1e-400",
    "01",
    "1.",
    ".5",
    "1.5e+3",
    "1E5",
    "-",
    "\"\"",
    "\"a\\u00e9\\ud83d\\ude00\\n\"",
    "\"\\ud800\"",
    "\"\\ud800\\u0041\"",
    "\"\\udc00\"",
    "\"\\x\"",
    "\"\t\"",
    "\"unended",
    "[]",
    "[1,2,[3,{}]]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{}",
    "{\"a\":1,\"b\":[null]}",
    "{\"a\":1,}",
    "{a:1}",
    "{\"a\" 1}",
    "{\"a\":}",
    "{\"a\":1 \"b\":2}",
    " [ 1 , 2 ] ",
    "[1] x",
    "nul",
    "trueish",
    "\u{feff}1",
    "",
    " ",
    "[",
    "{",
    "{\"a\":1",
    "\"\\u12\"",
    "\"\\u+123\"",
    "1e",
    "1e+",
    "--1",
    "+1",
    "NaN",
    "Infinity",
    "'a'",
    "[1]//",
    "{\"a\":1,\"a\":2}",
];

/// `serde_json` rounds some numbers to a neighbour of the nearest one; ours are exact.
fn nearly(one: f64, other: f64) -> bool {
    one == other || ((one - other) / one).abs() < 1e-15
}

fn nearly_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| nearly_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| nearly_same(value, other)))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            nearly(one.as_f64().unwrap(), other.as_f64().unwrap())
        }
        _ => one == other,
    }
}

fn any(text: &[u8]) -> Option<Value> {
    match decode_event::<Text>(0, Codec::Json, text) {
        Ok(Text::Any(value)) => Some(value),
        _ => None,
    }
}

#[test]
fn json_documents_are_judged_as_serde_json_judges_them() {
    for document in DOCUMENTS {
        assert_eq!(any(document.as_bytes()), serde_json::from_str(document).ok(), "{document:?}");
    }
}

#[test]
fn damaged_json_is_judged_as_serde_json_judges_it() {
    let (mut noise, alphabet) = (Noise(2), b"{}[]\",:\\u0123456789eE+-.ntfaulsr \n\x00\xc3\xa9\xff".to_vec());
    let value = serde_json::to_string(&everything()).unwrap();
    for document in DOCUMENTS.iter().copied().chain([value.as_str()]) {
        for _ in 0..500 {
            let damaged = noise.damage(document.as_bytes(), &alphabet);
            let shown = String::from_utf8_lossy(&damaged);
            match (any(&damaged), serde_json::from_slice(&damaged).ok()) {
                (Some(ours), Some(theirs)) => assert!(nearly_same(&ours, &theirs), "{shown}: {ours} {theirs}"),
                (ours, theirs) => assert_eq!(ours, theirs, "{shown}"),
            }
        }
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
        let mut theirs: Option<Everything> = serde_json::from_slice(&damaged).ok();
        if let (Some(ours), Some(theirs)) = (&ours, &mut theirs)
            && nearly(ours.real.1, theirs.real.1)
        {
            theirs.real = ours.real;
        }
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
    assert_eq!(said("{}"), "missing field `small`");
    assert_eq!(said("{\"yes\": 1}"), "invalid type: number, expected a boolean (at byte 8)");
    assert_eq!(said("{\"letter\": \"ab\"}"), "invalid value: string \"ab\", expected a character (at byte 11)");
    assert_eq!(said("{\"yes\": true"), "an array or object does not end (at byte 12)");
}
