//! What end-to-end tests, the demo and the benchmarks stand on: a real server process and a client for it.
//!
//! Without the feature `inside` it knows the HTTP interface only, and the host crate is not linked in.
//! With it there is a host in the test's own process, over a provider that fails on request.

mod client;
#[cfg(feature = "inside")]
mod faults;
#[cfg(feature = "inside")]
mod inside;
mod process;
mod server;
mod views;

pub use client::{Answer, Client};
#[cfg(feature = "inside")]
pub use faults::{AppendFault, Call, FaultyProvider, LastCall};
#[cfg(feature = "inside")]
pub use inside::{TestHost, eventually, guest, guests_dir, settings};
pub use server::{Server, ServerOptions};
pub use views::{Event, Recovery, Status};
