//! Messages for the host's log: [`trace!`](crate::trace), [`debug!`](crate::debug), [`info!`](crate::info),
//! [`warn!`](crate::warn) and [`error!`](crate::error), with the arguments of `format!`.
//!
//! The host adds the actor's address. It limits the rate: what is over is dropped and counted. Outside wasm, in
//! tests, messages go to standard error.

use std::fmt;

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warn,
    /// Something failed.
    Error,
}

/// Writes a message; the macros are the pleasant way to call it.
#[cfg(target_family = "wasm")]
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    crate::wasm::write_log(level, message);
}

/// Writes a message; the macros are the pleasant way to call it.
#[cfg(not(target_family = "wasm"))]
#[expect(clippy::print_stderr, reason = "outside wasm there is no host; the test harness captures this")]
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    eprintln!("{level:?} {message}");
}

/// Logs every step.
#[macro_export]
macro_rules! trace {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Trace, ::core::format_args!($($argument)+)) };
}

/// Logs for whoever looks for a fault.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($argument)+)) };
}

/// Logs what is worth knowing.
#[macro_export]
macro_rules! info {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Info, ::core::format_args!($($argument)+)) };
}

/// Logs what is worth looking at.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($argument)+)) };
}

/// Logs a failure.
#[macro_export]
macro_rules! error {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Error, ::core::format_args!($($argument)+)) };
}
