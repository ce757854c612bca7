//! Findings in one template, each with line and JSON path, reported as one failure.

use super::places::{Places, path};
use crate::error::Failure;

/// Maximum number of findings shown at once, as for the configuration: a longer list does not fit on a screen.
const SHOWN: usize = 20;

/// A problem in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// JSON pointer in the rendered template.
    pub pointer: String,
    /// Description of the problem.
    pub message: String,
    /// Description of the correct form.
    pub hint: String,
}

impl Finding {
    /// Creates a finding. The hint is required: every check knows the correct form.
    pub fn new(pointer: &str, message: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { pointer: pointer.to_owned(), message: message.into(), hint: hint.into() }
    }
}

/// Returns all findings of a file as one failure (exit code 2), in the order of the file; `None` without findings.
pub(super) fn failure(file: &str, places: &Places, findings: &[Finding]) -> Option<Failure> {
    let mut lines: Vec<(usize, &Finding)> =
        findings.iter().map(|finding| (places.line(&finding.pointer), finding)).collect();
    lines.sort_by_key(|(line, _)| *line);
    let render = |(line, finding): &(usize, &Finding)| match path(&finding.pointer).as_str() {
        "" => format!("{file}:{line}: {}", finding.message),
        path => format!("{file}:{line}: `{path}`: {}", finding.message),
    };
    match lines.as_slice() {
        [] => None,
        [only @ (_, finding)] => Some(Failure::usage(render(only)).hint(&finding.hint)),
        _ => {
            let mut text: String =
                lines.iter().take(SHOWN).map(|line| format!("{}\nhint: {}\n\n", render(line), line.1.hint)).collect();
            text.push_str(&match lines.len().saturating_sub(SHOWN) {
                0 => format!("{} errors in `{file}`", lines.len()),
                more => format!("and {more} more: {} errors in `{file}`", lines.len()),
            });
            Some(Failure::usage(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::Places;
    use super::{Finding, failure};

    #[test]
    fn findings_are_one_failure_in_the_order_of_the_file() {
        let places = Places::of("{\"a\": 1,\n\"b\": [\n2]}");
        let (first, second) = (Finding::new("/b/0", "two", "write 1"), Finding::new("/a", "one", "write 2"));
        assert!(failure("f.json", &places, &[]).is_none());
        let one = failure("f.json", &places, std::slice::from_ref(&first)).unwrap();
        assert_eq!((one.to_string().as_str(), one.hints()), ("f.json:3: `b[0]`: two", &["write 1".to_owned()][..]));
        let two = failure("f.json", &places, &[first.clone(), second]).unwrap().to_string();
        assert_eq!(
            two,
            "f.json:1: `a`: one\nhint: write 2\n\nf.json:3: `b[0]`: two\nhint: write 1\n\n2 errors in `f.json`"
        );
        let many = failure("f.json", &places, &vec![first; 22]).unwrap().to_string();
        assert!(many.ends_with("\n\nand 2 more: 22 errors in `f.json`"), "{many}");
    }
}
