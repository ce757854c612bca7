//! Members that many calls share, and ECR's errors for them. Pure.

use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::{Answer, AwsError};
use crate::registry::digest::{Digest, NAME_PATTERN, Reference, is_repository_name, is_tag};
use crate::registry::reply;
use crate::settings::ACCOUNT;
use crate::store::State;
use crate::store::ecr::Repository;

/// Decodes the members of a call. Unknown members are refused: a member without effect must not look accepted.
pub(super) fn parse<T: DeserializeOwned>(input: Value) -> Answer<T> {
    serde_json::from_value(input).map_err(|error| AwsError::client("SerializationException", error.to_string()))
}

/// ECR's sentence about a member that it does not take.
pub(super) fn invalid(member: &str, constraint: impl Display) -> AwsError {
    let message = format!("Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'");
    AwsError::client("InvalidParameterException", message)
}

/// A member that must be there.
pub(super) fn required<T>(member: &str, value: Option<T>) -> Answer<T> {
    value.ok_or_else(|| invalid(member, "Member must not be null"))
}

/// A list that must be there and has between one and `most` entries.
pub(super) fn listed<T>(member: &str, value: Option<Vec<T>>, most: usize) -> Answer<Vec<T>> {
    let value = required(member, value)?;
    if value.is_empty() {
        return Err(invalid(member, "Member must have length greater than or equal to 1"));
    }
    if value.len() > most {
        return Err(invalid(member, format!("Member must have length less than or equal to {most}")));
    }
    Ok(value)
}

/// Which repository a call is about.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Named {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: Option<String>,
}

impl Named {
    /// The name, if it is one and the registry is ours.
    pub(super) fn check(&self) -> Answer<&str> {
        checked_name(self.registry_id.as_deref(), self.repository_name.as_deref())
    }
}

/// The name, if it is one and the registry is ours.
pub(super) fn checked_name<'a>(registry_id: Option<&str>, name: Option<&'a str>) -> Answer<&'a str> {
    let name = required("repositoryName", name)?;
    if !is_repository_name(name) {
        return Err(invalid("repositoryName", format!("must satisfy regular expression '{NAME_PATTERN}'")));
    }
    check_registry(registry_id, name)?;
    Ok(name)
}

/// Repositories of other accounts are none that we have.
pub(super) fn check_registry(registry_id: Option<&str>, name: &str) -> Answer<()> {
    let Some(id) = registry_id.filter(|id| *id != ACCOUNT) else { return Ok(()) };
    if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("registryId", "must satisfy regular expression '[0-9]{12}'"));
    }
    let message = format!("The repository with name '{name}' does not exist in the registry with id '{id}'");
    Err(AwsError::client("RepositoryNotFoundException", message))
}

/// ECR's error about a repository that is not there.
pub(super) fn no_repository(name: &str) -> AwsError {
    AwsError::client("RepositoryNotFoundException", reply::no_repository(name))
}

/// A repository, to look at.
pub(super) fn existing<'a>(state: &'a State, name: &str) -> Answer<&'a Repository> {
    state.ecr.repositories.get(name).ok_or_else(|| no_repository(name))
}

/// A repository, to change.
pub(super) fn existing_mut<'a>(state: &'a mut State, name: &str) -> Answer<&'a mut Repository> {
    state.ecr.repositories.get_mut(name).ok_or_else(|| no_repository(name))
}

/// `ImageIdentifier`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImageId {
    pub(super) image_digest: Option<String>,
    pub(super) image_tag: Option<String>,
}

/// The reason why an image is missing from a response: a failure code of ECR and its message.
pub(super) type Failure = (&'static str, String);

/// ECR's error for an image that does not exist.
pub(super) fn not_found() -> Failure {
    ("ImageNotFound", "Requested image not found".to_owned())
}

impl ImageId {
    /// As it was given.
    pub(super) fn json(&self) -> Value {
        image_id(self.image_digest.as_deref(), self.image_tag.as_deref())
    }

    /// What it means in `repository`. With both, the tag must point to the digest; the tag is then what is meant.
    pub(super) fn resolve(&self, repository: &Repository) -> Result<Reference, Failure> {
        let digest = self.image_digest.as_deref().map(|digest| {
            let reason =
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
            Digest::parse(digest).ok_or(("InvalidImageDigest", reason.to_owned()))
        });
        let tag = self.image_tag.as_deref().map(|tag| {
            let reason = format!("Invalid request parameters: image tag should satisfy the regex '{TAG_PATTERN}'");
            if is_tag(tag) { Ok(tag) } else { Err(("InvalidImageTag", reason)) }
        });
        match (digest.transpose()?, tag.transpose()?) {
            (None, None) => Err((
                "MissingDigestAndTag",
                "Invalid request parameters: both tag and digest cannot be null".to_owned(),
            )),
            (Some(digest), None) => Ok(Reference::Digest(digest)),
            (None, Some(tag)) => Ok(Reference::Tag(tag.to_owned())),
            (Some(digest), Some(tag)) => match repository.tags.get(tag) {
                None => Err(not_found()),
                Some(target) if target == digest.as_str() => Ok(Reference::Tag(tag.to_owned())),
                Some(target) => {
                    let reason = format!("Requested image tag '{tag}' points to '{target}', not to '{digest}'");
                    Err(("ImageTagDoesNotMatchDigest", reason))
                }
            },
        }
    }
}

/// The distribution specification's rule for tags.
pub(super) const TAG_PATTERN: &str = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}";

/// `ImageIdentifier` on the wire: members that are not there are left out.
pub(super) fn image_id(digest: Option<&str>, tag: Option<&str>) -> Value {
    let mut id = json!({});
    if let Some(digest) = digest {
        id["imageDigest"] = digest.into();
    }
    if let Some(tag) = tag {
        id["imageTag"] = tag.into();
    }
    id
}

/// `maxResults` and `nextToken`.
#[derive(Debug, Default)]
pub(super) struct Paging {
    size: usize,
    after: Option<String>,
}

impl Paging {
    /// ECR: 1 to 1,000 a page, 100 unasked.
    pub(super) fn new(max_results: Option<i64>, next_token: Option<&str>) -> Answer<Paging> {
        let size = match max_results {
            None => 100,
            Some(asked) => usize::try_from(asked)
                .ok()
                .filter(|asked| (1..=1000).contains(asked))
                .ok_or_else(|| invalid("maxResults", "Member must be between 1 and 1000"))?,
        };
        let decode = |token: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
            String::from_utf8(bytes).ok()
        };
        let after = next_token
            .map(|token| decode(token).ok_or_else(|| invalid("nextToken", "Invalid next token")))
            .transpose()?;
        Ok(Paging { size, after })
    }

    /// The entries of this page, and the token of the next one. `all` is in the order of its keys.
    pub(super) fn cut<T>(&self, all: impl Iterator<Item = (String, T)>) -> (Vec<T>, Option<String>) {
        let is_later = |key: &String| self.after.as_ref().is_none_or(|after| key > after);
        let mut rest = all.filter(|(key, _)| is_later(key)).peekable();
        let (mut page, mut last) = (Vec::new(), None);
        while page.len() < self.size
            && let Some((key, entry)) = rest.next()
        {
            page.push(entry);
            last = Some(key);
        }
        let token = rest.peek().and(last).map(|key| URL_SAFE_NO_PAD.encode(key));
        (page, token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let all = || ["a", "b", "c"].into_iter().map(|key| (key.to_owned(), key));
        let (first, token) = Paging::new(Some(2), None).unwrap().cut(all());
        assert_eq!(first, ["a", "b"]);
        let (second, end) = Paging::new(Some(2), token.as_deref()).unwrap().cut(all());
        assert_eq!((second, end), (vec!["c"], None));
        // A page that is just full has no next one.
        assert_eq!(Paging::new(Some(3), None).unwrap().cut(all()).1, None);
        for wrong in [0, -1, 1001] {
            assert_eq!(Paging::new(Some(wrong), None).unwrap_err().code, "InvalidParameterException");
        }
        assert_eq!(Paging::new(None, Some("!")).unwrap_err().code, "InvalidParameterException");
    }

    #[test]
    fn what_an_identifier_means() {
        let (here, there) = (Digest::of(b"here"), Digest::of(b"there"));
        let mut repository = Repository::default();
        repository.tags.insert("t".to_owned(), here.to_string());
        let resolve = |digest: Option<&str>, tag: Option<&str>| {
            let id = ImageId { image_digest: digest.map(str::to_owned), image_tag: tag.map(str::to_owned) };
            id.resolve(&repository).map_err(|(code, _)| code)
        };
        assert_eq!(resolve(None, None), Err("MissingDigestAndTag"));
        assert_eq!(resolve(Some("sha256:1"), None), Err("InvalidImageDigest"));
        assert_eq!(resolve(None, Some("a b")), Err("InvalidImageTag"));
        assert_eq!(resolve(Some(here.as_str()), Some("t")), Ok(Reference::Tag("t".to_owned())));
        assert_eq!(resolve(Some(there.as_str()), Some("t")), Err("ImageTagDoesNotMatchDigest"));
        assert_eq!(resolve(Some(here.as_str()), Some("u")), Err("ImageNotFound"));
        assert_eq!(resolve(Some(there.as_str()), None), Ok(Reference::Digest(there.clone())));
    }

    #[test]
    fn repositories_of_others_are_not_ours() {
        assert_eq!(checked_name(Some(ACCOUNT), Some("app")), Ok("app"));
        assert_eq!(checked_name(Some("999999999999"), Some("app")).unwrap_err().code, "RepositoryNotFoundException");
        assert_eq!(checked_name(Some("me"), Some("app")).unwrap_err().code, "InvalidParameterException");
        assert_eq!(checked_name(None, Some("App")).unwrap_err().code, "InvalidParameterException");
        assert_eq!(checked_name(None, None).unwrap_err().code, "InvalidParameterException");
    }
}
