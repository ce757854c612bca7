//! Lists in pages: `maxResults` and `nextToken`, as ECS has them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::invalid;
use crate::error::{Answer, AwsError};

/// What a call wants to see of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// At most so many.
    pub(super) max_results: Option<i64>,
    /// From where the page before ended.
    pub(super) next_token: Option<String>,
}

impl Page {
    /// The items of this page, and the token for the next one. `usual` and `most` are AWS's for the action. `name` tells
    /// items apart: a list that has changed since is gone on with behind the last item seen, where it is still there.
    pub(super) fn of<T>(
        self,
        items: Vec<T>,
        name: impl Fn(&T) -> &str,
        usual: usize,
        most: usize,
    ) -> Answer<(Vec<T>, Option<String>)> {
        let size = match self.max_results {
            None => usual,
            Some(given) => usize::try_from(given)
                .ok()
                .filter(|size| (1..=most).contains(size))
                .ok_or_else(|| invalid(format!("maxResults should be between 1 and {most}, but was {given}.")))?,
        };
        let start = match self.next_token.filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => {
                let (count, last) = decode(&token).ok_or_else(bad_token)?;
                items.iter().position(|item| name(item) == last).map_or(count, |place| place + 1)
            }
        };
        let total = items.len();
        let end = total.min(start.saturating_add(size));
        let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
        let token = page.last().filter(|_| end < total).map(|last| encode(end, name(last)));
        Ok((page, token))
    }
}

fn bad_token() -> AwsError {
    invalid("Invalid token.")
}

fn encode(count: usize, last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{count} {last}"))
}

fn decode(token: &str) -> Option<(usize, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (count, last) = text.split_once(' ')?;
    Some((count.parse().ok()?, last.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: &[&'static str], size: i64, token: Option<String>) -> Answer<(Vec<&'static str>, Option<String>)> {
        Page { max_results: Some(size), next_token: token }.of(items.to_vec(), |item| item, 100, 100)
    }

    #[test]
    fn all_items_come_once_whatever_the_size() {
        let items = ["a", "b", "c", "d", "e", "f", "g"];
        for size in 1..9 {
            let (mut seen, mut token) = (Vec::new(), None);
            loop {
                let (some, next) = page(&items, size, token).unwrap();
                assert!(!some.is_empty());
                seen.extend(some);
                if next.is_none() {
                    break;
                }
                token = next;
            }
            assert_eq!(seen, items, "{size} a page");
        }
    }

    #[test]
    fn a_list_that_changes_in_between_is_gone_on_with() {
        let (_, token) = page(&["a", "b", "d"], 2, None).unwrap();
        assert_eq!(page(&["_", "a", "b", "c", "d"], 2, token.clone()).unwrap().0, ["c", "d"]);
        assert_eq!(page(&["a", "c", "d"], 2, token.clone()).unwrap().0, ["d"]);
        assert_eq!(page(&[], 2, token).unwrap(), (vec![], None));
    }

    #[test]
    fn what_is_no_token_and_no_size_is_refused() {
        for token in ["nonsense", "bm9uc2Vuc2U", "💥"] {
            assert_eq!(page(&["a"], 1, Some(token.into())).unwrap_err().code, "InvalidParameterException");
        }
        for size in [0, -1, 101] {
            assert_eq!(page(&["a"], size, None).unwrap_err().code, "InvalidParameterException");
        }
    }
}
