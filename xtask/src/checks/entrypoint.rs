//! Defaults of variables in an entrypoint script: lines `export NAME="${NAME:-value}"`. The shell is not run, and other
//! lines are ignored.

use std::collections::BTreeMap;

/// Returns the variables and their defaults.
pub fn defaults(script: &str) -> BTreeMap<String, String> {
    script.lines().filter_map(default).collect()
}

fn default(line: &str) -> Option<(String, String)> {
    let (name, value) = line.trim().strip_prefix("export ")?.split_once('=')?;
    let value = value.trim_matches('"');
    let is_plain = |text: &str| !text.contains(['$', '`', '"', '\'', '{', '}']);
    let value = match value.strip_prefix(&format!("${{{name}:-")) {
        Some(rest) => rest.strip_suffix('}')?,
        None => value,
    };
    is_plain(value).then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::defaults;

    #[test]
    fn only_plain_defaults_are_known() {
        let script = "export A=\"${A:-127.0.0.1:8000}\"\nexport B=3\nexport APP_DIR\nexport C=\"${D:-x}\"\nexport E=$(pwd)\n  export F=\"${F:-/tmp}\"\nG=1\n";
        let found: Vec<String> = defaults(script).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(found, ["A=127.0.0.1:8000", "B=3", "F=/tmp"]);
        let ours = defaults(include_str!("../../../app/scripts/entrypoint.sh"));
        assert_eq!(ours.get("SLIPWAY_SOCKET").map(String::as_str), Some("127.0.0.1:8000"));
    }
}
