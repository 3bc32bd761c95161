//! `greenroom explain CODE`

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::output::Output;
use crate::vocab::Code;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The code: GR0007, gr7 or 7; without one, all codes are listed
    #[arg(value_parser = code)]
    code: Option<Code>,
}

/// Prints the code's page, which is part of the program: no server and no network are needed.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    match arguments.code {
        None => list(output),
        Some(code) if output.is_json() => output.json(&entry(code)),
        Some(code) => output.line(code.page().trim_end()),
    }
}

fn code(text: &str) -> Result<Code, String> {
    Code::parse(text).ok_or_else(|| "there is no such error code; greenroom explain lists all of them".to_owned())
}

fn list(output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return Code::ALL.iter().try_for_each(|code| output.json(&entry(*code)));
    }
    Code::ALL.iter().try_for_each(|code| output.line(&format!("{code}  {}", code.title())))
}

fn entry(code: Code) -> serde_json::Value {
    json!({
        "code": code.to_string(),
        "title": code.title(),
        "status": crate::api::http_status(code).as_u16(),
        "action": crate::api::action(code.kind()),
        "page": code.page(),
    })
}
