//! Numbers of passed, failed and skipped tests, parsed from the output of test runners. Pure.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one or more runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Tests that passed.
    pub(super) passed: u32,
    /// Tests that failed, errors included.
    pub(super) failed: u32,
    /// Tests that were skipped, ignored or expected to fail.
    pub(super) skipped: u32,
}

impl Counts {
    /// Parses the closing line of libtest (`test result: ok. 3 passed; 0 failed; 1 ignored; …`) or of pytest
    /// (`2 passed, 1 skipped in 0.12s`, with or without `=`); `None` for any other line.
    pub(super) fn in_line(line: &str) -> Option<Counts> {
        let line = line.trim().trim_matches('=').trim();
        let list = match line.strip_prefix("test result: ") {
            Some(rest) => rest.split_once(". ")?.1,
            // Pytest's closing line ends with the duration; other output of a test does not.
            None => line.rsplit_once(" in ").filter(|(_, time)| time.starts_with(|c: char| c.is_ascii_digit()))?.0,
        };
        let mut counts = Counts::default();
        for part in list.split([';', ',']) {
            let Some((number, word)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u32>() else { continue };
            match word {
                "passed" | "xpassed" => counts.passed += number,
                "failed" | "error" | "errors" => counts.failed += number,
                "skipped" | "ignored" | "xfailed" => counts.skipped += number,
                _ => {}
            }
        }
        (counts != Counts::default()).then_some(counts)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    /// Writes the closing line that CI reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn parses_closing_lines_of_both_runners() {
        let check = |line: &str, expected: Option<(u32, u32, u32)>| {
            let expected = expected.map(|(passed, failed, skipped)| Counts { passed, failed, skipped });
            assert_eq!(Counts::in_line(line), expected, "{line}");
        };
        check(
            "test result: ok. 17 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            Some((17, 0, 2)),
        );
        check(
            "test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            Some((1, 3, 0)),
        );
        check("===== 2 failed, 48 passed, 1 skipped, 3 warnings in 1.20s =====", Some((48, 2, 1)));
        check("12 passed in 0.34s", Some((12, 0, 0)));
        check("1 error in 0.10s", Some((0, 1, 0)));
        check("==== 100 passed, 1 xfailed, 2 errors in 61.00s (0:01:01) ====", Some((100, 2, 1)));
        for other in ["", "12 passed", "running 3 tests", "3 passed in total", "no tests ran in 0.01s"] {
            check(other, None);
        }
    }
}
