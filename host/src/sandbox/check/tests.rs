//! Each cap: exactly at it passes, one past it is refused with what, how many and how many there may be.

use super::tally::{Cap, Figure};
use super::*;

/// Sections as they stand in a file.
fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id], leb(count(body.len())).as_slice(), body].concat()
}

fn list(id: u8, items: u64, item: &[u8]) -> Vec<u8> {
    section(id, &[leb(items), item.repeat(usize::try_from(items).unwrap())].concat())
}

fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    section(0, &[leb(count(name.len())).as_slice(), name.as_bytes(), data].concat())
}

fn module(sections: &[u8]) -> Vec<u8> {
    section(1, &[b"\0asm\x01\0\0\0", sections].concat())
}

fn component(sections: &[u8]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0", sections].concat()
}

fn name(bytes: u64) -> Vec<u8> {
    [leb(bytes), vec![b'n'; usize::try_from(bytes).unwrap()]].concat()
}

fn function(locals: &[u8], code_bytes: u64) -> Vec<u8> {
    // `nop` over and over, and `end`.
    let body = [locals, &vec![1; usize::try_from(code_bytes - 1).unwrap()], &[0x0b]].concat();
    [leb(count(body.len())), body].concat()
}

fn functions(n: u64) -> Vec<u8> {
    [list(3, n, &[0]), list(10, n, &[2, 0, 0x0b])].concat()
}

/// A component that has `n` of something.
fn with(cap: Cap, n: u64) -> Vec<u8> {
    let times = usize::try_from(n).unwrap();
    let code = |body: &[u8]| module(&[list(3, 1, &[0]), section(10, &[&[1], body].concat())].concat());
    component(&match cap {
        Cap::Bytes => custom("x", &vec![0; times - 8 - 1 - leb(n).len() - 2]),
        Cap::Depth => return nested(n),
        Cap::Parts => module(&[]).repeat(times),
        Cap::Types => module(&list(1, n, &[0x60, 0, 0])),
        Cap::Imports => module(&list(2, n, &[1, b'm', 1, b'f', 0, 0])),
        Cap::Functions => module(&functions(n)),
        Cap::FunctionBytes => code(&function(&[0], n - 1)),
        Cap::Locals => code(&function(&[[1].as_slice(), &leb(n), &[0x7f]].concat(), 1)),
        Cap::Tables => module(&list(4, n, &[0x70, 0, 0])),
        Cap::TableElements => module(&list(4, 1, &[&[0x70, 0], leb(n).as_slice()].concat())),
        Cap::Memories => module(&list(5, 1, &[0, 0])).repeat(times),
        Cap::MemoryBytes => module(&list(5, 1, &[&[0], leb(n.div_ceil(65_536)).as_slice()].concat())),
        // A module has 1 KiB, the component too, each import 32 bytes.
        Cap::InstanceBytes => {
            [module(&list(2, (n - 2_048) / 32, &[1, b'm', 1, b'f', 0, 0])), list(2, 1, &[0, 0, 0])].concat()
        }
        Cap::Globals => module(&list(6, n, &[0x7f, 0, 0x41, 0, 0x0b])),
        Cap::Exports => module(&list(7, n, &[1, b'e', 0, 0])),
        Cap::NameBytes => module(&list(7, 1, &[name(n).as_slice(), &[0, 0]].concat())),
        Cap::ElementSegments => module(&list(9, n, &[1, 0, 0])),
        Cap::Elements => module(&section(9, &[&[1, 1, 0], leb(n).as_slice(), &vec![0; times]].concat())),
        Cap::DataSegments => module(&list(11, n, &[1, 0])),
        Cap::Instances => list(2, n, &[1, 0]),
        Cap::Aliases => list(6, n, &[3, 2, 0, 0]),
        Cap::CanonicalFunctions => list(8, n, &[1, 0, 0, 0]),
        Cap::CustomSections => custom("x", b"").repeat(times),
        Cap::CustomBytes => custom("x", &vec![0; times]),
        Cap::ContractBytes => custom(contract::SECTION, &vec![b'1'; times]),
    })
}

fn nested(levels: u64) -> Vec<u8> {
    (0..levels).fold(component(&[]), |inner, _| component(&section(4, &inner)))
}

fn found(inspection: &Inspection, what: &str) -> Figure {
    *inspection.figures.iter().find(|figure| figure.what == what).unwrap()
}

#[test]
fn exactly_at_each_cap_passes_and_one_past_it_is_refused() {
    for (at, cap) in Cap::ALL.iter().enumerate() {
        // The size alone is bounded by less than the largest of the others needs.
        let component_bytes = if *cap == Cap::Bytes { 1_000_000 } else { 40_000_000 };
        let limits = Limits { component_bytes, ..Limits::default() };
        let Figure { what, limit, .. } = super::tally::Tally::default().figures(&limits)[at];
        let at = inspect(&with(*cap, limit), &limits);
        // It lacks what comes later, but nothing is too much.
        assert!(!matches!(at.refused, Some((_, DeployError::TooLarge { .. }))), "{what}: {:?}", at.refused);
        assert!(!matches!(at.refused, Some((ByteCheck::Format, _))), "{what}: {:?}", at.refused);
        assert_eq!(found(&at, what).found, limit, "{what}");
        let step = match cap {
            Cap::MemoryBytes => 65_536,
            Cap::InstanceBytes => 32,
            _ => 1,
        };
        match inspect(&with(*cap, limit + step), &limits).refused {
            Some((_, DeployError::TooLarge { what: refused, found, limit: told })) => {
                assert_eq!((refused, found, told), (what, limit + step, limit));
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn names_are_measured_wherever_they_stand() {
    let limits = Limits::default();
    let long = name(8 * 1_024 + 1);
    let kebab = [&[0], long.as_slice()].concat();
    for (place, bytes) in [
        ("a module's import", module(&list(2, 1, &[long.as_slice(), &[1, b'f', 0, 0]].concat()))),
        ("a function's import", module(&list(2, 1, &[[1, b'm'].as_slice(), &long, &[0, 0]].concat()))),
        ("a component's import", list(10, 1, &[kebab.as_slice(), &[1, 0]].concat())),
        ("a component's export", list(11, 1, &[kebab.as_slice(), &[1, 0, 0]].concat())),
        ("a nested component's import", section(4, &component(&list(10, 1, &[kebab.as_slice(), &[1, 0]].concat())))),
        ("a custom section", custom(&"n".repeat(8 * 1_024 + 1), b"")),
    ] {
        let refused = inspect(&component(&bytes), &limits).refused;
        let is_refused = matches!(refused, Some((_, DeployError::TooLarge { what: "bytes in one name", .. })));
        assert!(is_refused, "{place}: {refused:?}");
    }
}

#[test]
fn parts_of_all_modules_are_added_up() {
    let limits = Limits::default();
    let half = module(&functions(25_001));
    let refused = inspect(&component(&[half.as_slice(), &half].concat()), &limits).refused;
    assert!(
        matches!(refused, Some((ByteCheck::Structure, DeployError::TooLarge { what: "functions", found: 50_002, .. }))),
        "{refused:?}"
    );
}

#[test]
fn a_count_that_lies_is_damage_and_costs_nothing() {
    let limits = Limits::default();
    for (id, what) in [(1, "types"), (2, "imports"), (7, "exports"), (9, "elements"), (5, "memories")] {
        let lie = module(&section(id, &leb(u64::from(u32::MAX))));
        let refused = inspect(&component(&lie), &limits).refused.expect(what);
        assert!(matches!(refused.1, DeployError::TooLarge { .. } | DeployError::NotAComponent { .. }), "{refused:?}");
    }
    // So many locals that their sum does not fit: groups are added up without wrapping.
    let groups = [leb(3), leb(u64::from(u32::MAX)), vec![0x7f]].concat();
    let groups = [groups, [leb(u64::from(u32::MAX)), vec![0x7f], leb(9), vec![0x7f]].concat()].concat();
    let body = module(&[list(3, 1, &[0]), section(10, &[&[1], function(&groups, 1).as_slice()].concat())].concat());
    let refused = inspect(&component(&body), &limits).refused.expect("locals");
    assert!(matches!(refused.1, DeployError::TooLarge { .. } | DeployError::NotAComponent { .. }), "{refused:?}");
}

#[test]
fn what_is_refused_says_which_check_did() {
    let limits = Limits::default();
    let stating = |sections: &[u8]| component(&[sections, &custom(contract::SECTION, b"1")].concat());
    let import = |name: &str| list(10, 1, &[&[0], self::name_of(name).as_slice(), &[5, 0]].concat());
    let cases = [
        (b"text".to_vec(), Some(ByteCheck::Format)),
        (component(&[9, 9, 9]), Some(ByteCheck::Format)),
        (component(&[]), Some(ByteCheck::Contract)),
        (component(&custom(contract::SECTION, b"7")), Some(ByteCheck::Contract)),
        (stating(&import("wasi:sockets/tcp@0.2.0")), Some(ByteCheck::Imports)),
        (stating(&import("wasi:clocks/wall-clock@0.2.0")), None),
    ];
    for (bytes, expected) in cases {
        let inspection = inspect(&bytes, &limits);
        let refused = inspection.refused.as_ref().map(|(check, _)| *check);
        assert_eq!(refused, expected, "{:?}", inspection.refused);
        assert_eq!(check_bytes(&bytes, &limits, &mut || Ok(())).is_ok(), expected.is_none());
    }
}

fn name_of(text: &str) -> Vec<u8> {
    [leb(count(text.len())), text.as_bytes().to_vec()].concat()
}
