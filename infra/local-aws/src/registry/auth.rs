//! Authentication at the registry: a token that `GetAuthorizationToken` returned in the last 12 hours. Tokens
//! carry their own end and a seal, so nothing is kept but the key of the seal.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::emulator::Emulator;
use crate::time::Timestamp;

/// The name that goes with every token.
pub const USER: &str = "AWS";

/// AWS: an authorization token is valid for 12 hours.
pub const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// What a client logs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Always `AWS`.
    pub username: &'static str,
    /// The token.
    pub password: String,
    /// Until when the registry takes it.
    pub expires_at: Timestamp,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has no credentials, or none of ours.
    Unauthorized,
    /// Its token is too old.
    Expired,
}

/// Credentials for a push or a pull that begins within the next 12 hours.
pub fn credentials(emulator: &Emulator) -> Credentials {
    let now = Timestamp::now();
    // A token that is given after the earlier ones were made to expire is good, even in the same millisecond.
    let expired_until = emulator.faults.time_for_tokens(now, LIFETIME);
    let expires_at = now.after(LIFETIME).max(expired_until.after(Duration::from_millis(1)));
    Credentials {
        username: USER,
        password: seal(&key(emulator), expires_at, &Uuid::new_v4().simple().to_string()),
        expires_at,
    }
}

/// Whether a request with these headers is let in.
///
/// # Errors
/// No credentials, wrong ones, old ones.
pub fn check(emulator: &Emulator, headers: &HeaderMap) -> Result<(), Refusal> {
    let token = basic_password(headers).ok_or(Refusal::Unauthorized)?;
    verify(&key(emulator), &token, emulator.faults.time_for_tokens(Timestamp::now(), LIFETIME))
}

/// The key of this daemon's state, made at the first use.
fn key(emulator: &Emulator) -> String {
    if let Some(key) = emulator.store.read(|state| state.ecr.token_key.clone()) {
        return key;
    }
    emulator.store.write(|state| {
        let fresh = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        state.ecr.token_key.get_or_insert_with(fresh).clone()
    })
}

/// `<end in milliseconds>.<nonce>.<seal>`.
fn seal(key: &str, expires_at: Timestamp, nonce: &str) -> String {
    let claim = format!("{}.{nonce}", expires_at.as_millis());
    format!("{claim}.{}", mac(key, &claim))
}

fn verify(key: &str, token: &str, now: Timestamp) -> Result<(), Refusal> {
    let (claim, given) = token.rsplit_once('.').ok_or(Refusal::Unauthorized)?;
    // Hashes are compared, so that the time it takes reveals nothing about the seal.
    if Sha256::digest(given) != Sha256::digest(mac(key, claim)) {
        return Err(Refusal::Unauthorized);
    }
    let end = claim.split('.').next().and_then(|end| end.parse().ok()).ok_or(Refusal::Unauthorized)?;
    if now < Timestamp::from_millis(end) { Ok(()) } else { Err(Refusal::Expired) }
}

/// HMAC-SHA-256 (RFC 2104) in hex. The key is 64 bytes, one block, so it needs no padding.
fn mac(key: &str, text: &str) -> String {
    let pad = |byte: u8| key.bytes().map(|of_key| of_key ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn basic_password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (user == USER).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn the_seal_is_hmac_sha_256() {
        // Python: hmac.new(KEY, b"1000.n", "sha256").hexdigest()
        assert_eq!(mac(KEY, "1000.n"), "42c92dfa5a746f2443b7ec0976a56c4fd56a7364fc351a6d1993afacc9aa1db6");
    }

    #[test]
    fn a_token_is_good_until_its_end_and_with_its_key_only() {
        let token = seal(KEY, Timestamp::from_millis(1000), "n");
        assert_eq!(verify(KEY, &token, Timestamp::from_millis(999)), Ok(()));
        assert_eq!(verify(KEY, &token, Timestamp::from_millis(1000)), Err(Refusal::Expired));
        let other = KEY.replace('0', "1");
        assert_eq!(verify(&other, &token, Timestamp::from_millis(0)), Err(Refusal::Unauthorized));
        let later = token.replacen("1000", "9000", 1);
        assert_eq!(verify(KEY, &later, Timestamp::from_millis(0)), Err(Refusal::Unauthorized));
        for garbage in ["", ".", "..", "a.b.c", "1000"] {
            assert_eq!(verify(KEY, garbage, Timestamp::from_millis(0)), Err(Refusal::Unauthorized));
        }
    }

    #[test]
    fn only_basic_credentials_of_the_user_aws_count() {
        let password = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            basic_password(&headers)
        };
        assert_eq!(password(&format!("Basic {}", STANDARD.encode("AWS:a:b"))).as_deref(), Some("a:b"));
        assert_eq!(password(&format!("basic {}", STANDARD.encode("AWS:x"))).as_deref(), Some("x"));
        assert_eq!(password(&format!("Basic {}", STANDARD.encode("root:x"))), None);
        assert_eq!(password(&format!("Bearer {}", STANDARD.encode("AWS:x"))), None);
        assert_eq!(password("Basic !"), None);
        assert_eq!(basic_password(&HeaderMap::new()), None);
    }
}
