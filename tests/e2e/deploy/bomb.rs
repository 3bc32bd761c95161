//! Components that are cheap to send and dear to compile. They state the contract, so that every check of their bytes
//! lets them through.

/// A component whose compilation takes some seconds. Another `salt` is another component.
pub(crate) fn slow(salt: u32) -> Vec<u8> {
    component(24, 20_000, salt)
}

/// A component whose compilation takes a moment.
pub(crate) fn quick(salt: u32) -> Vec<u8> {
    component(1, 10, salt)
}

/// A component with one function that takes much memory to compile.
pub(crate) fn greedy(salt: u32) -> Vec<u8> {
    component(1, 60_000, salt)
}

/// `functions` functions of `steps` steps each, no two of which can be folded into one.
fn component(functions: u32, steps: u32, salt: u32) -> Vec<u8> {
    let one = function(steps);
    let bodies = [leb(functions), one.repeat(index(functions))].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 1, 0x7f, 1, 0x7f]),
        section(3, &[leb(functions), vec![0; index(functions)]].concat()),
        section(10, &bodies),
    ];
    let salt = [&[4], b"salt".as_slice(), &salt.to_le_bytes()].concat();
    let contract = [&[18], b"greenroom:contract1".as_slice()].concat();
    let parts = [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module.concat()), section(0, &contract), section(0, &salt)];
    parts.concat()
}

/// (param i32) (result i32) (local 8 × i32): steps that depend on each other, with a branch in each.
fn function(steps: u32) -> Vec<u8> {
    let mut body = vec![1, 8, 0x7f];
    for step in 0..steps {
        let (to, from) = (1 + (step % 8), step % 9);
        // if (from * constant) { to = to ^ constant }
        body.extend([0x20].into_iter().chain(leb(from)));
        body.extend([0x41].into_iter().chain(leb(step % 60)));
        body.extend([0x6c, 0x04, 0x40, 0x20]);
        body.extend(leb(to));
        body.extend([0x41].into_iter().chain(leb(step % 61)));
        body.extend([0x73, 0x21]);
        body.extend(leb(to));
        body.push(0x0b);
    }
    body.extend([0x20, 1, 0x0b]);
    [leb(u32::try_from(body.len()).unwrap_or(u32::MAX)), body].concat()
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [vec![id], leb(u32::try_from(body.len()).unwrap_or(u32::MAX)), body.to_vec()].concat()
}

/// Unsigned LEB128; constants stay below 64, so that they read the same signed.
fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

fn index(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
