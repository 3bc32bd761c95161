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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_cause_fix_and_common_mistakes_in_short() {
        for code in Code::ALL {
            let page = code.page();
            let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
            let names: Vec<&str> = sections.iter().filter_map(|section| section.lines().next()).collect();
            assert_eq!(names, ["Cause", "Fix", "Common mistakes"], "{code}");
            assert!(sections.iter().all(|section| section.len() > 60), "{code} has a section without content");
            assert!(page.lines().count() <= 25, "{code} is too long to be read in a hurry");
        }
    }

    #[test]
    fn pages_name_only_settings_and_codes_that_exist() {
        let settings = crate::cli::ServeSettings::defaults();
        for code in Code::ALL {
            for word in code.page().split(|c: char| !c.is_alphanumeric() && !"_.".contains(c)) {
                let word = word.trim_end_matches('.');
                if word.starts_with("GR0") {
                    assert!(Code::parse(word).is_some(), "{code} names {word}");
                }
                if let Some((section, name)) = word.split_once('.')
                    && let Some(section) = settings.get(section).and_then(toml::Value::as_table)
                {
                    assert!(section.contains_key(name), "{code} names the setting {word}");
                }
            }
        }
    }
}
