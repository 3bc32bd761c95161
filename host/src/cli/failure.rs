//! An error as a person at a terminal, or a script, sees it.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::output::{Output, Tone};
use crate::api::{self, Problem};
use crate::sandbox::RevisionDiff;
use crate::vocab::{Code, ErrorKind};

/// What the program ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Failed = 1,
    Usage = 2,
    Rejected = 3,
    NotNow = 4,
    Unknown = 5,
}

/// Why the program did not do what it was told.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error with a code.
    Told(Box<Told>),
    /// Nobody reads the output any longer; not worth a word.
    NoReader,
    /// A verification or a rehearsal has told what is wrong; nothing is left to say.
    Found,
}

/// An error with a code, from here or from a server. A server may be newer than this program and know more codes.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    code: String,
    title: String,
    detail: String,
    action: String,
    reason: Option<Box<RawValue>>,
    /// What a refused revision would have changed.
    diff: Option<Box<RevisionDiff>>,
    /// The whole problem on one line, for scripts.
    #[serde(skip)]
    document: String,
    /// Where a verb has an exit code of its own.
    #[serde(skip)]
    exit: Option<Exit>,
}

impl Failure {
    /// The same failure of a verification that could not look.
    pub(super) fn not_looked(self) -> Self {
        match self {
            Self::Told(told) => Self::Told(Box::new(Told { exit: Some(Exit::Usage), ..*told })),
            other => other,
        }
    }

    #[cfg(test)]
    pub(super) fn exit_number(&self) -> u8 {
        match self {
            Self::Told(told) => told.exit() as u8,
            Self::Found => Exit::Failed as u8,
            Self::NoReader => 0,
        }
    }

    /// An error that happened on this side.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::from(Problem::new(code, detail))
    }

    /// The problem that a server answered with.
    pub(super) fn from_document(document: &str) -> Option<Self> {
        let told: Told = serde_json::from_str(document).ok()?;
        Some(Self::Told(Box::new(Told { document: document.trim().replace('\n', " "), ..told })))
    }

    /// What happened, in one sentence.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Told(told) => format!("{}: {}", told.code, told.detail),
            Self::NoReader => "nobody reads the output any longer".to_owned(),
            Self::Found => "something was found".to_owned(),
        }
    }

    /// Says what happened on standard error and gives the exit code.
    pub(super) fn report(&self, output: &Output) -> ExitCode {
        match self {
            Self::NoReader => ExitCode::SUCCESS,
            Self::Found => ExitCode::from(Exit::Failed as u8),
            Self::Told(told) => {
                output.tell(&if output.is_json() { told.document.clone() } else { told.text(output) });
                ExitCode::from(told.exit() as u8)
            }
        }
    }
}

impl Told {
    fn text(&self, output: &Output) -> String {
        let head = output.paint(Tone::Bad, &format!("error[{}]", self.code));
        let mut text = format!("{head}: {}\n", self.title);
        // Writing to a String cannot fail.
        let _ = match &self.reason {
            Some(reason) => writeln!(text, "  reason: {reason}"),
            None => writeln!(text, "  {}", self.detail.replace('\n', "\n  ")),
        };
        if let Some(diff) = &self.diff {
            let _ = writeln!(text, "    {}", diff.to_text().replace('\n', "\n    "));
        }
        if self.reason.is_none() {
            let _ = writeln!(text, "  next: {}", self.action);
        }
        let _ = write!(text, "  more: greenroom explain {}", self.code);
        text
    }

    fn exit(&self) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        match Code::parse(&self.code) {
            Some(Code::UnknownSetting | Code::InvalidSetting) => Exit::Usage,
            code => match code.map(Code::kind) {
                Some(ErrorKind::Rejected) => Exit::Rejected,
                Some(ErrorKind::Overloaded | ErrorKind::Unavailable | ErrorKind::Retry) => Exit::NotNow,
                Some(ErrorKind::Unknown) => Exit::Unknown,
                _ => Exit::Failed,
            },
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let (code, detail) = (problem.code(), problem.detail().to_owned());
        let document = problem.to_json();
        Self::from_document(&document).unwrap_or_else(|| {
            Self::Told(Box::new(Told {
                code: code.to_string(),
                title: code.title().to_owned(),
                detail,
                action: api::action(code.kind()).to_owned(),
                reason: None,
                diff: None,
                document,
                exit: None,
            }))
        })
    }
}

/// An error while writing the output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::NoReader
        } else {
            Self::new(Code::FileUnreadable, format!("the output could not be written: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::AskError;
    use bytes::Bytes;

    fn told(failure: Failure) -> Told {
        match failure {
            Failure::Told(told) => *told,
            Failure::NoReader | Failure::Found => panic!("nothing was told"),
        }
    }

    #[test]
    fn an_error_says_its_code_the_case_and_the_next_step() {
        let failure = Failure::new(Code::UnknownKind, "tenant default has no kind countr; deploy it first");
        let text = told(failure).text(&Output::plain());
        assert_eq!(
            text,
            "error[GR0003]: no such kind is deployed for this tenant\n  \
             tenant default has no kind countr; deploy it first\n  \
             next: Check the name, or create what it names first.\n  \
             more: greenroom explain GR0003"
        );
    }

    #[test]
    fn a_rejection_shows_the_actor_s_own_reason() {
        let failure = Failure::from(Problem::from(AskError::Rejected(Bytes::from_static(b"{\"short\":5}"))));
        assert!(told(failure).text(&Output::plain()).contains("reason: {\"short\":5}"));
    }

    #[test]
    fn exit_codes_tell_scripts_what_to_do() {
        for (code, exit) in [
            (Code::Rejected, Exit::Rejected),
            (Code::MailboxFull, Exit::NotNow),
            (Code::ShuttingDown, Exit::NotNow),
            (Code::Unreachable, Exit::NotNow),
            (Code::OutcomeUnknown, Exit::Unknown),
            (Code::TimedOut, Exit::Unknown),
            (Code::UnknownSetting, Exit::Usage),
            (Code::GuestTrapped, Exit::Failed),
        ] {
            assert_eq!(told(Failure::new(code, "x")).exit(), exit, "{code}");
        }
    }

    #[test]
    fn a_code_of_a_newer_server_is_passed_on() {
        let document =
            r#"{"type":"/errors/GR7777","title":"t","status":500,"code":"GR7777","detail":"d","action":"a"}"#;
        let told = told(Failure::from_document(document).unwrap());
        assert!(told.text(&Output::plain()).starts_with("error[GR7777]: t"));
        assert_eq!(told.exit(), Exit::Failed);
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        assert!(matches!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)), Failure::NoReader));
    }
}
