//! A request's query, with nothing in it that the verb does not know.

use super::percent::decode_query;
use super::problem::Problem;
use super::route::QueryParameter;
use crate::vocab::Code;

/// Entries on a page when the caller does not say.
const PAGE_ENTRIES: u64 = 100;
/// Entries on the largest page: bounds the memory of one answer.
const PAGE_ENTRIES_MAX: u64 = 1_000;

/// The parameters of one request; each at most once, each known to the verb.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses a raw query.
    ///
    /// # Errors
    /// A problem that names the parameter that is unknown, repeated or malformed.
    pub(super) fn parse(raw: Option<&str>, known: &[QueryParameter]) -> Result<Self, Problem> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.iter().any(|parameter| parameter.name == name) {
                return Err(refused(unknown(&name, known)));
            }
            if parameters.iter().any(|(earlier, _)| *earlier == name) {
                return Err(refused(format!("the query parameter {name} is given twice")));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter as a whole number.
    ///
    /// # Errors
    /// A problem that names the parameter, when it is anything else.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        self.text(name)
            .map(|value| {
                value.parse().map_err(|_| refused(format!("{name}={value} is not a whole number that is not negative")))
            })
            .transpose()
    }

    /// How many entries a page may have: what the caller says, or else `PAGE_ENTRIES`.
    ///
    /// # Errors
    /// A problem when it is not between 1 and `PAGE_ENTRIES_MAX`.
    pub(super) fn page(&self) -> Result<usize, Problem> {
        let limit = self.number("limit")?.unwrap_or(PAGE_ENTRIES);
        if !(1..=PAGE_ENTRIES_MAX).contains(&limit) {
            return Err(refused(format!("limit={limit} is not between 1 and {PAGE_ENTRIES_MAX}")));
        }
        Ok(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// Whether a switch is on: present, or `true`.
    ///
    /// # Errors
    /// A problem that names the parameter, when it is neither `true` nor `false`.
    pub(super) fn switch(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(value) => Err(refused(format!("{name}={value} is neither true nor false"))),
        }
    }
}

fn decoded(raw: &str) -> Result<String, Problem> {
    decode_query(raw).map_err(|reason| refused(format!("the query part {reason}")))
}

fn refused(detail: String) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}

fn unknown(name: &str, known: &[QueryParameter]) -> String {
    let names: Vec<&str> = known.iter().map(|parameter| parameter.name).collect();
    if names.is_empty() {
        format!("there is no query parameter {name:?} here; this path takes none")
    } else {
        format!("there is no query parameter {name:?} here; there are {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::route::ParameterType;
    use super::*;

    const KNOWN: &[QueryParameter] = &[
        QueryParameter { name: "from", of: ParameterType::Number, about: "" },
        QueryParameter { name: "follow", of: ParameterType::Switch, about: "" },
        QueryParameter { name: "after", of: ParameterType::Text, about: "" },
    ];

    fn refusal(raw: &str) -> String {
        let query = Query::parse(Some(raw), KNOWN);
        let result = query.and_then(|query| query.number("from").and(query.switch("follow")));
        result.map_err(|problem| problem.detail().to_owned()).unwrap_err()
    }

    #[test]
    fn values_are_decoded() {
        let query = Query::parse(Some("after=a%2Fb+c&from=7&follow"), KNOWN).unwrap();
        assert_eq!(query.text("after"), Some("a/b c"));
        assert_eq!(query.number("from").unwrap(), Some(7));
        assert!(query.switch("follow").unwrap());
    }

    #[test]
    fn an_absent_query_is_empty() {
        let query = Query::parse(None, KNOWN).unwrap();
        assert_eq!(query.number("from").unwrap(), None);
        assert!(!query.switch("follow").unwrap());
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        assert!(refusal("form=1").contains("\"form\"") && refusal("form=1").contains("from, follow, after"));
        assert!(refusal("from=1&from=2").contains("from is given twice"));
        assert!(refusal("from=-1").contains("from=-1"));
        assert!(refusal("from=").contains("from="));
        assert!(refusal("from=1.5").contains("1.5"));
        assert!(refusal("follow=yes").contains("follow=yes"));
        assert!(refusal("from=%zz").contains("%zz"));
    }

    #[test]
    fn a_page_has_at_least_one_entry_and_at_most_a_thousand() {
        let known = [QueryParameter { name: "limit", of: ParameterType::Number, about: "" }];
        let page = |raw| Query::parse(raw, &known).and_then(|query| query.page());
        assert_eq!(page(None).unwrap(), 100);
        assert_eq!((page(Some("limit=1")).unwrap(), page(Some("limit=1000")).unwrap()), (1, 1_000));
        for wrong in ["limit=0", "limit=1001", "limit=many"] {
            assert!(page(Some(wrong)).unwrap_err().detail().contains(wrong));
        }
    }
}
