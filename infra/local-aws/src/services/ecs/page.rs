//! Lists in pages: `maxResults` and `nextToken`, as ECS has them. The format of a token is `protocol::page`'s.

use super::invalid;
use crate::error::Answer;
use crate::protocol::page;

/// The requested page of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// At most so many.
    pub(super) max_results: Option<i64>,
    /// From where the page before ended.
    pub(super) next_token: Option<String>,
}

impl Page {
    /// The items of this page, and the token for the next one. `usual` and `most` are AWS's for the action. `name` tells
    /// items apart: a list that has changed since is gone on with behind the last item seen, where it is still there, and
    /// at its place otherwise.
    pub(super) fn of<T>(
        self,
        action: &str,
        items: Vec<T>,
        name: impl Fn(&T) -> &str,
        (usual, most): (usize, usize),
    ) -> Answer<(Vec<T>, Option<String>)> {
        let size = page::size(self.max_results, usual, most);
        let size = size.ok_or_else(|| invalid(format!("maxResults should be between 1 and {most}.")))?;
        let start = match self.next_token.filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => {
                let key = page::key(action, &token);
                let place = key.as_deref().and_then(|key| key.split_once(' '));
                let place = place.and_then(|(count, last)| Some((count.parse::<usize>().ok()?, last)));
                let (count, last) = place.ok_or_else(|| invalid("Invalid token."))?;
                items.iter().position(|item| name(item) == last).map_or(count, |place| place + 1)
            }
        };
        let total = items.len();
        let end = total.min(start.saturating_add(size));
        let some: Vec<T> = items.into_iter().skip(start).take(size).collect();
        let token =
            some.last().filter(|_| end < total).map(|last| page::token(action, &format!("{end} {}", name(last))));
        Ok((some, token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(items: &[&'static str], size: i64, token: Option<String>) -> Answer<(Vec<&'static str>, Option<String>)> {
        Page { max_results: Some(size), next_token: token }.of("List", items.to_vec(), |item| item, (100, 100))
    }

    #[test]
    fn all_items_come_once_whatever_the_size() {
        let items = ["a", "b", "c", "d", "e", "f", "g"];
        for size in 1..9 {
            let (mut seen, mut token) = (Vec::new(), None);
            loop {
                let (some, next) = cut(&items, size, token).unwrap();
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
        let (_, token) = cut(&["a", "b", "d"], 2, None).unwrap();
        assert_eq!(cut(&["_", "a", "b", "c", "d"], 2, token.clone()).unwrap().0, ["c", "d"]);
        assert_eq!(cut(&["a", "c", "d"], 2, token.clone()).unwrap().0, ["d"]);
        assert_eq!(cut(&[], 2, token).unwrap(), (vec![], None));
    }

    #[test]
    fn what_is_no_token_and_no_size_is_refused() {
        let other = page::token("ListOther", "1 a");
        for token in ["nonsense", "bm9uc2Vuc2U", "💥", &other] {
            assert_eq!(cut(&["a"], 1, Some(token.into())).unwrap_err().code, "InvalidParameterException");
        }
        for size in [0, -1, 101] {
            assert_eq!(cut(&["a"], size, None).unwrap_err().code, "InvalidParameterException");
        }
    }
}
