//! Tags of repositories as resources of AWS; tags of images are in `images`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{existing, existing_mut, invalid, required};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::store::task_definition::Tag;

/// AWS: at most 50 tags a resource.
const MOST: usize = 50;

/// ECR writes the two members with capitals, unlike ECS.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WireTag {
    key: String,
    value: String,
}

/// Tags that AWS takes, each key once.
pub(super) fn checked_tags(tags: Vec<WireTag>) -> Answer<Vec<Tag>> {
    let refused = |message: String| Err(AwsError::client("InvalidTagParameterException", message));
    for (index, tag) in tags.iter().enumerate() {
        let length = tag.key.chars().count();
        if !(1..=128).contains(&length) || tag.value.chars().count() > 256 {
            return refused(format!("The key of a tag has 1 to 128 characters, its value at most 256: '{}'", tag.key));
        }
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return refused(format!("Keys that begin with 'aws:' are reserved: '{}'", tag.key));
        }
        if tags[..index].iter().any(|earlier| earlier.key == tag.key) {
            return refused(format!("The tag key '{}' is given more than once", tag.key));
        }
    }
    if tags.len() > MOST {
        Err(too_many())
    } else {
        Ok(tags.into_iter().map(|WireTag { key, value }| Tag { key, value }).collect())
    }
}

fn too_many() -> AwsError {
    AwsError::client("TooManyTagsException", format!("A repository can have at most {MOST} tags"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TagResource {
    resource_arn: Option<String>,
    tags: Option<Vec<WireTag>>,
}

/// `TagResource`.
pub(super) fn tag(emulator: &Emulator, input: TagResource) -> Answer<Value> {
    let name = repository_of(emulator, input.resource_arn)?;
    let tags = checked_tags(required("tags", input.tags)?)?;
    emulator.store.write(|state| {
        let repository = existing_mut(state, &name)?;
        let mut all = repository.resource_tags.clone();
        all.retain(|old| tags.iter().all(|new| new.key != old.key));
        all.extend(tags);
        if all.len() > MOST {
            return Err(too_many());
        }
        repository.resource_tags = all;
        Ok(json!({}))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UntagResource {
    resource_arn: Option<String>,
    tag_keys: Option<Vec<String>>,
}

/// `UntagResource`.
pub(super) fn untag(emulator: &Emulator, input: &UntagResource) -> Answer<Value> {
    let name = repository_of(emulator, input.resource_arn.clone())?;
    let keys = required("tagKeys", input.tag_keys.as_ref())?;
    emulator.store.write(|state| {
        existing_mut(state, &name)?.resource_tags.retain(|tag| !keys.contains(&tag.key));
        Ok(json!({}))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListTags {
    resource_arn: Option<String>,
}

/// `ListTagsForResource`.
pub(super) fn list(emulator: &Emulator, input: &ListTags) -> Answer<Value> {
    let name = repository_of(emulator, input.resource_arn.clone())?;
    emulator.store.read(|state| {
        let tags = existing(state, &name)?.resource_tags.iter();
        let tags: Vec<WireTag> = tags.map(|tag| WireTag { key: tag.key.clone(), value: tag.value.clone() }).collect();
        Ok(json!({ "tags": tags }))
    })
}

fn repository_of(emulator: &Emulator, arn: Option<String>) -> Answer<String> {
    let arn = required("resourceArn", arn)?;
    let ours = emulator.settings.arn("ecr", "repository/");
    arn.strip_prefix(&ours)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| invalid("resourceArn", "Invalid ARN"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_tags_aws_takes() {
        let code = |tags: &[(&str, &str)]| {
            let wire = |(key, value): &(&str, &str)| WireTag { key: (*key).to_owned(), value: (*value).to_owned() };
            checked_tags(tags.iter().map(wire).collect()).map(|tags| tags.len()).map_err(|error| error.code)
        };
        assert_eq!(code(&[("a", ""), ("b", "x")]), Ok(2));
        assert_eq!(code(&[("a", "1"), ("a", "2")]), Err("InvalidTagParameterException"));
        assert_eq!(code(&[("", "1")]), Err("InvalidTagParameterException"));
        assert_eq!(code(&[("AWS:x", "1")]), Err("InvalidTagParameterException"));
        assert_eq!(code(&[("a", &"v".repeat(257))]), Err("InvalidTagParameterException"));
        let keys: Vec<String> = (0..51).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
        assert_eq!(code(&many), Err("TooManyTagsException"));
        assert_eq!(code(&many[..50]), Ok(50));
    }
}
