//! File names for groups and streams, whatever their names: nothing of a path, no two the same, also on file systems that
//! take upper and lower case for the same.

use sha2::{Digest, Sha256};

/// File systems take names of 255 bytes; an ending is to come.
const LONGEST: usize = 200;

/// Hexadecimal digits of the hash that ends the name of what is too long to be written out.
const HASH: usize = 32;

/// The file name of a group or stream.
pub(super) fn of(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => safe.push(char::from(byte)),
            _ => safe.push_str(&format!("%{byte:02x}")),
        }
    }
    if safe.len() > LONGEST {
        let hash: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
        // `+` is in no other name.
        safe.truncate(LONGEST - HASH - 1);
        safe.push('+');
        safe.push_str(&hash[..HASH]);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_differ() {
        let long = "x".repeat(512);
        let names = ["a", "A", "a/b", "a%2fb", "..", ".", "a b", "ü", "web/app/0123", &long, &format!("{long}y")];
        let files: std::collections::BTreeSet<String> = names.iter().map(|name| of(name)).collect();
        assert_eq!(files.len(), names.len());
        for file in &files {
            assert!(file.len() <= LONGEST && !file.contains(['/', '.', '\0']), "{file}");
            assert_eq!(*file, file.to_ascii_lowercase());
        }
        assert_eq!(of("web/app"), "web%2fapp");
    }
}
