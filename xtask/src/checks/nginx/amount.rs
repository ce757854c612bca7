//! Times and sizes in nginx's notation: `1m 30s`, `75`, `500ms`, `8k`, `3m`.

/// Returns whole seconds, rounded up; `None` where the text is not a time.
pub(super) fn seconds(text: &str) -> Option<u32> {
    // ngx_parse_time: a bare number counts seconds.
    const UNITS: [(&str, u64); 7] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000), ("", 1_000)];
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at_checked(digits)?;
        let number: u64 = number.parse().ok()?;
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at_checked(letters)?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(*scale)?)?;
        rest = after.trim_start();
    }
    u32::try_from(total.div_ceil(1_000)).ok()
}

/// Returns bytes; `None` where the text is not a size.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, scale) = match lower.strip_suffix(['k', 'm', 'g']) {
        Some(number) if lower.ends_with('k') => (number, 1 << 10),
        Some(number) if lower.ends_with('m') => (number, 1 << 20),
        Some(number) => (number, 1 << 30),
        None => (lower.as_str(), 1_u64),
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::{bytes, seconds};

    #[test]
    fn times() {
        for (text, expected) in [
            ("75s", Some(75)),
            ("75", Some(75)),
            ("1m 30s", Some(90)),
            ("1h30m", Some(5400)),
            ("500ms", Some(1)),
            ("0", Some(0)),
            ("", None),
            ("soon", None),
            ("5x", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in
            [("8k", Some(8192)), ("3M", Some(3 << 20)), ("0", Some(0)), ("1g", Some(1 << 30)), ("k", None), ("", None)]
        {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
