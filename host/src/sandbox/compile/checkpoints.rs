//! Places at which guest code looks whether its time is over, where it has none of its own for long.
//!
//! Compiled code looks at its deadline, and lets others run, where a function begins and where a loop repeats. Between
//! two such places it can be made to run for very long: hundreds of moves of all memory in a row, or a deep recursion that
//! works on its way back. So a loop that repeats nothing is written in front of each instruction that may take long, and
//! into straight stretches of others. What the code does stays the same; `docs/decisions/0034` says what it costs.

use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

/// The longest stretch without a look, in instructions: a recursion as deep as the stack allows does that much per frame on
/// its way back.
const STRETCH_MAX: u64 = 256;
/// A move of a known length counts as one instruction, and one more for so many bytes.
const BYTES_PER_INSTRUCTION: u64 = 64;
/// A move of a known length that is longer gets a place of its own.
const SMALL_BYTES: u64 = /* 4 KiB */ 4 * 1_024;
/// Why something that can be read is refused all the same: readers of streams do not mind a part that ends early within
/// another one.
pub(super) const WRONG_LENGTHS: &str = "its sections are not as long as they say";
/// `loop`, of no values, and its `end`.
const CHECKPOINT: [u8; 3] = [0x03, 0x40, 0x0b];
/// What begins a component; a core module begins with another version.
const COMPONENT_HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
const HEAD_BYTES: usize = 8;
/// Sections of a component that hold a core module, or a component.
const PARTS: [u8; 2] = [1, 4];
/// The section of a core module that holds its functions.
const CODE: u8 = 10;

/// The component with all its checkpoints.
///
/// # Errors
/// When its code cannot be read.
pub(super) fn add(component: &[u8]) -> Result<Vec<u8>, String> {
    let places = places(component).map_err(|error| error.to_string())?;
    let mut out = Vec::with_capacity(component.len().saturating_add(places.len().saturating_mul(CHECKPOINT.len())));
    let whole = Part { bytes: component, at: 0, places: &places };
    whole.write_sections(&mut out).ok_or(WRONG_LENGTHS)?;
    Ok(out)
}

/// Where the checkpoints belong, ascending.
fn places(component: &[u8]) -> Result<Vec<usize>, BinaryReaderError> {
    let mut places = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CodeSectionEntry(body) = payload? {
            places_in(&body, &mut places)?;
        }
    }
    Ok(places)
}

fn places_in(body: &FunctionBody<'_>, places: &mut Vec<usize>) -> Result<(), BinaryReaderError> {
    let mut stretch: u64 = 0;
    let mut constant = None;
    for operator in body.get_operators_reader()?.into_iter_with_offsets() {
        let (operator, at) = operator?;
        let cost = cost(&operator, constant);
        stretch = stretch.saturating_add(cost.unwrap_or(0));
        if cost.is_none() || stretch > STRETCH_MAX {
            places.push(at);
            stretch = cost.unwrap_or(1);
        }
        if matches!(operator, Operator::Loop { .. }) {
            stretch = 0;
        }
        // The length is on top of the stack: the instruction right before says what it is, if it is a constant.
        constant = if let Operator::I32Const { value } = operator { u64::try_from(value).ok() } else { None };
    }
    Ok(())
}

/// What an instruction counts; `None`: it may take long. `constant` is what stands on the stack, if that is known.
fn cost(operator: &Operator<'_>, constant: Option<u64>) -> Option<u64> {
    match operator {
        Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => {
            constant.filter(|bytes| *bytes <= SMALL_BYTES).map(|bytes| 1 + bytes / BYTES_PER_INSTRUCTION)
        }
        Operator::MemoryGrow { .. }
        | Operator::TableCopy { .. }
        | Operator::TableFill { .. }
        | Operator::TableInit { .. }
        | Operator::TableGrow { .. } => None,
        _ => Some(1),
    }
}

/// A stretch of the component, and the places in it.
#[derive(Clone, Copy)]
struct Part<'a> {
    bytes: &'a [u8],
    /// Where it begins in the component.
    at: usize,
    places: &'a [usize],
}

impl<'a> Part<'a> {
    /// The bytes `from..to` of it.
    fn cut(self, from: usize, to: usize) -> Option<Self> {
        let (first, last) = (self.at.checked_add(from)?, self.at.checked_add(to)?);
        let (begin, end) =
            (self.places.partition_point(|place| *place < first), self.places.partition_point(|place| *place < last));
        Some(Self { bytes: self.bytes.get(from..to)?, at: first, places: self.places.get(begin..end)? })
    }

    /// A component or a core module.
    fn write_sections(self, out: &mut Vec<u8>) -> Option<()> {
        let head = self.bytes.get(..HEAD_BYTES)?;
        out.extend_from_slice(head);
        let mut at = HEAD_BYTES;
        while let Some(id) = self.bytes.get(at) {
            let (begin, end) = self.sized(at.checked_add(1)?)?;
            let (whole, section) = (self.cut(at, end)?, self.cut(begin, end)?);
            if section.places.is_empty() {
                out.extend_from_slice(whole.bytes);
            } else {
                let mut written = Vec::with_capacity(section.bytes.len());
                match (head == COMPONENT_HEAD, *id) {
                    (true, id) if PARTS.contains(&id) => section.write_sections(&mut written)?,
                    (false, CODE) => section.write_functions(&mut written)?,
                    _ => return None,
                }
                out.push(*id);
                write_sized(out, &written)?;
            }
            at = end;
        }
        Some(())
    }

    /// The section of functions: their number, then each with its size.
    fn write_functions(self, out: &mut Vec<u8>) -> Option<()> {
        let (_, mut at) = number(self.bytes, 0)?;
        out.extend_from_slice(self.bytes.get(..at)?);
        while at < self.bytes.len() {
            let (begin, end) = self.sized(at)?;
            let (whole, function) = (self.cut(at, end)?, self.cut(begin, end)?);
            if function.places.is_empty() {
                out.extend_from_slice(whole.bytes);
            } else {
                write_sized(out, &function.with_checkpoints()?)?;
            }
            at = end;
        }
        Some(())
    }

    fn with_checkpoints(self) -> Option<Vec<u8>> {
        let mut written = Vec::with_capacity(self.bytes.len().checked_add(self.places.len().checked_mul(3)?)?);
        let mut done = 0;
        for place in self.places {
            let at = place.checked_sub(self.at)?;
            written.extend_from_slice(self.bytes.get(done..at)?);
            written.extend_from_slice(&CHECKPOINT);
            done = at;
        }
        written.extend_from_slice(self.bytes.get(done..)?);
        Some(written)
    }

    /// Begin and end of what is written here with its size in front.
    fn sized(self, at: usize) -> Option<(usize, usize)> {
        let (size, begin) = number(self.bytes, at)?;
        let end = begin.checked_add(usize::try_from(size).ok()?)?;
        (end <= self.bytes.len()).then_some((begin, end))
    }
}

/// An unsigned number of at most 32 bits in LEB128, and where it ends.
fn number(bytes: &[u8], mut at: usize) -> Option<(u32, usize)> {
    let mut value: u32 = 0;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at = at.checked_add(1)?;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

fn write_sized(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let mut rest = u32::try_from(bytes.len()).ok()?;
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).ok()? | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).ok()?);
    out.extend_from_slice(bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::Validator;

    /// A component with one core module that has one function of this body, and `nops` more after it.
    fn component(body: &[u8], nops: usize) -> Vec<u8> {
        let sized = |bytes: &[u8]| {
            let mut out = Vec::new();
            write_sized(&mut out, bytes).unwrap();
            out
        };
        let section = |id: u8, bytes: &[u8]| [[id].as_slice(), &sized(bytes)].concat();
        let function = [[0].as_slice(), body, &vec![0x01; nops], &[0x0b]].concat();
        let module = [
            b"\0asm\x01\0\0\0".as_slice(),
            &section(1, &[1, 0x60, 0, 0]),
            &section(3, &[1, 0]),
            &section(4, &[1, 0x70, 0, 9]),
            &section(5, &[1, 0, 1]),
            &section(CODE, &[[1].as_slice(), &sized(&function)].concat()),
            &section(0, b"\x04name-of-no-meaning"),
        ]
        .concat();
        let inner = [COMPONENT_HEAD, &section(1, &module)].concat();
        [COMPONENT_HEAD, &section(4, &inner), &section(0, b"\x01x")].concat()
    }

    /// What is added to a function of this body, in checkpoints; the result must be valid.
    fn added(body: &[u8], nops: usize) -> usize {
        let before = component(body, nops);
        Validator::new().validate_all(&before).unwrap();
        let after = add(&before).unwrap();
        Validator::new().validate_all(&after).unwrap();
        let count = places(&before).unwrap().len();
        // Every place is followed by at most a stretch: nothing is left to add.
        assert!(places(&after).unwrap().len() <= count, "checkpoints were not seen as such");
        assert_eq!(count == 0, before == after);
        count
    }

    /// `i32.const` three times and a `memory.copy`.
    fn copy(bytes: u16) -> Vec<u8> {
        let seven = |shift: u16| u8::try_from((bytes >> shift) & 0x7f).unwrap();
        let length = [0x41, seven(0) | 0x80, seven(7) | 0x80, seven(14)];
        [[0x41, 0, 0x41, 0].as_slice(), &length, &[0xfc, 0x0a, 0, 0]].concat()
    }

    #[test]
    fn every_move_of_more_than_a_little_has_one_in_front() {
        assert_eq!(added(&copy(4_097).repeat(7), 0), 7);
        assert_eq!(added(&copy(4_096), 0), 0);
        // A length that only looks small: a constant of another block.
        let disguised = [0x41, 0, 0x41, 0, 0x02, 0x7f, 0x41, 8, 0x0b, 0xfc, 0x0b, 0].repeat(3);
        assert_eq!(added(&disguised, 0), 3);
        // table.size, table.grow of nothing
        assert_eq!(added(&[0xd0, 0x70, 0x41, 0, 0xfc, 0x0f, 0, 0x1a], 0), 1);
        // memory.grow of nothing
        assert_eq!(added(&[0x41, 0, 0x40, 0, 0x1a], 0), 1);
    }

    #[test]
    fn a_stretch_is_cut_where_it_is_too_long_and_not_before() {
        // The `end` of the function counts, too.
        assert_eq!(added(&[], 255), 0);
        assert_eq!(added(&[], 256), 1);
        assert_eq!(added(&[], 10 * 256), 10);
        // A loop of its own is a place to look.
        let own = [vec![0x01; 200], vec![0x03, 0x40, 0x0b]].concat();
        assert_eq!(added(&own, 250), 0);
        // Three constants, and 1 + 64 for each of these.
        assert_eq!(added(&copy(4_096).repeat(3), 0), 0);
        assert_eq!(added(&copy(4_096).repeat(4), 0), 1);
    }

    #[test]
    fn code_behind_a_branch_is_still_valid() {
        // unreachable, then a fill of whatever is on the stack: nothing need be there.
        assert_eq!(added(&[0x00, 0xfc, 0x0b, 0], 0), 1);
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let whole = component(&copy(5_000), 300);
        let accepted = (0..whole.len()).filter(|length| add(&whole[..*length]).is_ok()).collect::<Vec<_>>();
        // A component may end behind its head, and behind each of its sections.
        assert_eq!(accepted, [8, whole.len() - 4]);
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let mut out = Vec::new();
            write_sized(&mut out, &vec![0; length]).unwrap();
            let (value, at) = number(&out, 0).unwrap();
            assert_eq!((usize::try_from(value).unwrap(), out.len() - at), (length, length));
        }
        assert_eq!(number(&[0x80, 0x80, 0x80, 0x80, 0x00], 0), Some((0, 5)), "longer than need be");
        assert!(number(&[0x80; 6], 0).is_none() && number(&[0x80], 0).is_none());
    }
}
