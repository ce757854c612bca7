//! Pages of listings: which entries come next, and the token for it. A token carries the key of the last entry and a
//! check over it and over what was listed, so that a token of another listing, or one that was made up, is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Bytes of the check in front of the key: enough to detect mistakes; it is no protection.
const CHECK: usize = 8;

/// The size of a page: the requested one, if it lies within the limit, or the default.
pub fn size(asked: Option<i64>, default: usize, most: usize) -> Option<usize> {
    match asked {
        None => Some(default),
        Some(asked) => usize::try_from(asked).ok().filter(|asked| (1..=most).contains(asked)),
    }
}

/// A token that leads to the entries after `key` in the listing `scope`: the action and whatever narrows it down.
pub fn token(scope: &str, key: &str) -> String {
    let mut bytes = check(scope, key).to_vec();
    bytes.extend_from_slice(key.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The key within a token; `None` if it is not a token of this listing.
pub fn key(scope: &str, token: &str) -> Option<String> {
    let mut bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let key = String::from_utf8(bytes.split_off(CHECK.min(bytes.len()))).ok()?;
    (bytes == check(scope, &key)).then_some(key)
}

fn check(scope: &str, key: &str) -> [u8; CHECK] {
    let hash = Sha256::new().chain_update(scope).chain_update([0]).chain_update(key).finalize();
    std::array::from_fn(|index| hash[index])
}

/// One page of `all`, which comes in the order of its keys, and the token of the next one. `None` if `given` is not a
/// token of this listing: the service answers with its own code.
pub fn cut<T>(
    scope: &str,
    size: usize,
    given: Option<&str>,
    all: impl Iterator<Item = (String, T)>,
) -> Option<(Vec<T>, Option<String>)> {
    let after = match given {
        Some(given) => Some(key(scope, given)?),
        None => None,
    };
    let mut rest = all.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).peekable();
    let (mut page, mut last) = (Vec::new(), None);
    while page.len() < size
        && let Some((key, entry)) = rest.next()
    {
        page.push(entry);
        last = Some(key);
    }
    let next = rest.peek().and(last).map(|key| token(scope, &key));
    Some((page, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_on_one_page() {
        let all = || ["a", "b", "c"].into_iter().map(|key| (key.to_owned(), key));
        let (first, next) = cut("List", 2, None, all()).unwrap();
        assert_eq!(first, ["a", "b"]);
        assert_eq!(cut("List", 2, next.as_deref(), all()).unwrap(), (vec!["c"], None));
        // A page that is just full has no next one.
        assert_eq!(cut("List", 3, None, all()).unwrap().1, None);
        // An entry that was removed meanwhile does not break the listing.
        let fewer = all().filter(|(key, _)| key != "b");
        assert_eq!(cut("List", 2, next.as_deref(), fewer).unwrap(), (vec!["c"], None));
    }

    #[test]
    fn tokens_of_others_are_refused() {
        let made = token("List", "b");
        assert_eq!(key("List", &made).as_deref(), Some("b"));
        assert_eq!(key("Describe", &made), None);
        for wrong in ["", "b", "!", "Yg", &made[1..], &format!("{made}Yg")] {
            assert_eq!(key("List", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_have_limits() {
        assert_eq!(size(None, 10, 100), Some(10));
        assert_eq!(size(Some(100), 10, 100), Some(100));
        for wrong in [0, -1, 101, i64::MAX] {
            assert_eq!(size(Some(wrong), 10, 100), None);
        }
    }
}
