//! What end-to-end tests, the demo and the benchmarks stand on: a real server process and a client for it.
//!
//! It knows the HTTP interface only; the host crate is not linked in.

mod client;
mod process;
mod server;
mod views;

pub use client::{Answer, Client};
pub use server::{Server, ServerOptions};
pub use views::{Event, Recovery, Status};
