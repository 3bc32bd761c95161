//! Can its code hold a thread past the deadline?
//!
//! A deadline is looked at where a function begins and where a loop repeats, not inside an instruction that moves
//! memory. One such instruction takes milliseconds at most, because memory is bounded; thousands in a row, without a
//! loop, would take minutes.

use wasmparser::{BinaryReaderError, FunctionBody, Operator};

use crate::sandbox::DeployError;

/// Instructions in one function that may each move all of memory: about as many milliseconds times ten, beyond the
/// deadline. The largest functions of Rust components have some dozens.
const BULK_OPERATIONS_MAX: u64 = 128;
/// A move of at most this many bytes, known beforehand, is an ordinary instruction: compilers move structures so.
const SMALL_BYTES: i32 = /* 4 KiB */ 4 * 1_024;

/// Counts what may take long in one function.
///
/// # Errors
/// When there is too much of it, or the function cannot be read.
pub(super) fn check_function(body: &FunctionBody<'_>) -> Result<(), DeployError> {
    let found = bulk_operations(body).map_err(|error| super::structure::damaged(&error))?;
    if found > BULK_OPERATIONS_MAX {
        let what = "operations on whole memories or tables in one function";
        return Err(DeployError::TooLarge { what, found, limit: BULK_OPERATIONS_MAX });
    }
    Ok(())
}

fn bulk_operations(body: &FunctionBody<'_>) -> Result<u64, BinaryReaderError> {
    let mut found: u64 = 0;
    let mut is_small = false;
    for operator in body.get_operators_reader()? {
        let operator = operator?;
        let is_bulk = match &operator {
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => !is_small,
            Operator::TableCopy { .. } | Operator::TableFill { .. } | Operator::TableInit { .. } => true,
            _ => false,
        };
        found = found.saturating_add(u64::from(is_bulk));
        // The length is on top of the stack: the instruction right before says what it is, if it is a constant.
        is_small = matches!(operator, Operator::I32Const { value } if (0..=SMALL_BYTES).contains(&value));
    }
    Ok(found)
}
