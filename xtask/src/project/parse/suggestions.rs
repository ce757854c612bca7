//! The known name that was probably meant.

/// The candidate nearest to `typed`, where one is near enough: a third of the letters may differ, a swapped pair
/// counting once. Case and `_` for `-` do not count at all.
pub(crate) fn nearest<'c, T: AsRef<str> + ?Sized + 'c>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'c T>,
) -> Option<&'c str> {
    let folded = fold(typed);
    let allowed = (folded.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate.as_ref())), candidate.as_ref()))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` where a candidate is near, else `otherwise`.
pub(crate) fn hint<'c, T: AsRef<str> + ?Sized + 'c>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'c T>,
    otherwise: impl Into<String>,
) -> String {
    match nearest(typed, candidates) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => otherwise.into(),
    }
}

/// Long names are cut: the distance takes quadratic time, and no candidate is that long.
fn fold(name: &str) -> String {
    name.chars().take(80).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["platform", "name", "task-definition", "cpu"];
        for (typed, expected) in [
            ("platfrom", Some("platform")),
            ("Platform", Some("platform")),
            ("task_definition", Some("task-definition")),
            ("nmae", Some("name")),
            ("cpus", Some("cpu")),
            ("memory", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
    }
}
