//! Repositories as such: made, described, deleted; who may move a tag; whether pushes are scanned (kept, not carried out).

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{Named, Paging, check_registry, checked_name, existing, existing_mut, invalid, required};
use super::tags::{WireTag, checked_tags};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::registry::blobs::Blobs;
use crate::registry::collect;
use crate::settings::{ACCOUNT, Settings};
use crate::store::ecr::{Mutability, Repository};
use crate::time::Timestamp;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    registry_id: Option<String>,
    repository_name: Option<String>,
    tags: Option<Vec<WireTag>>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<Filter>>,
    image_scanning_configuration: Option<Scanning>,
    encryption_configuration: Option<Encryption>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    filter_type: String,
    filter: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scanning {
    #[serde(default)]
    scan_on_push: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Encryption {
    encryption_type: String,
    kms_key: Option<String>,
}

/// `CreateRepository`.
pub(super) fn create(emulator: &Emulator, input: Create) -> Answer<Value> {
    let name = checked_name(None, input.repository_name.as_deref())?;
    check_registry(input.registry_id.as_deref(), name)?;
    let mutability = input.image_tag_mutability.as_deref().map_or(Ok(Mutability::Mutable), parse_mutability)?;
    let exclusions = checked_filters(mutability, input.image_tag_mutability_exclusion_filters)?;
    if let Some(encryption) = &input.encryption_configuration {
        check_encryption(encryption)?;
    }
    let resource_tags = checked_tags(input.tags.unwrap_or_default())?;
    let scan_on_push = input.image_scanning_configuration.is_some_and(|scanning| scanning.scan_on_push);
    emulator.store.write(|state| {
        if state.ecr.repositories.contains_key(name) {
            let message =
                format!("The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'");
            return Err(AwsError::client("RepositoryAlreadyExistsException", message));
        }
        let repository =
            Repository { mutability, exclusions, scan_on_push, resource_tags, ..Repository::new(Timestamp::now()) };
        let described = json(&emulator.settings, name, &repository);
        state.ecr.repositories.insert(name.to_owned(), repository);
        Ok(json!({ "repository": described }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    registry_id: Option<String>,
    repository_names: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

/// `DescribeRepositories`.
pub(super) fn describe(emulator: &Emulator, input: Describe) -> Answer<Value> {
    let settings = &emulator.settings;
    if let Some(names) = input.repository_names {
        if input.max_results.is_some() || input.next_token.is_some() {
            return Err(invalid("repositoryNames", "Member must be null where maxResults or nextToken is given"));
        }
        let names = super::input::listed("repositoryNames", Some(names), 100)?;
        return emulator.store.read(|state| {
            let one = |name: &String| {
                let name = checked_name(input.registry_id.as_deref(), Some(name))?;
                Ok(json(settings, name, existing(state, name)?))
            };
            let repositories = names.iter().map(one).collect::<Answer<Vec<Value>>>()?;
            Ok(json!({ "repositories": repositories }))
        });
    }
    let paging = Paging::new(input.max_results, input.next_token.as_deref())?;
    let is_ours = input.registry_id.is_none_or(|id| id == ACCOUNT);
    Ok(emulator.store.read(|state| {
        let all = state.ecr.repositories.iter().filter(|_| is_ours);
        let (page, next) = paging.cut(all.map(|(name, repository)| (name.clone(), json(settings, name, repository))));
        let mut output = json!({ "repositories": page });
        if let Some(next) = next {
            output["nextToken"] = next.into();
        }
        output
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Delete {
    registry_id: Option<String>,
    repository_name: Option<String>,
    #[serde(default)]
    force: bool,
}

/// `DeleteRepository`.
pub(super) fn delete(emulator: &Emulator, input: Delete) -> Answer<Value> {
    let named = Named { registry_id: input.registry_id, repository_name: input.repository_name };
    let name = named.check()?;
    let blobs = Blobs::of(&emulator.settings);
    let output = emulator.store.write(|state| {
        if !existing(state, name)?.manifests.is_empty() && !input.force {
            let message = format!(
                "The repository with name '{name}' in registry with id '{ACCOUNT}' cannot be deleted because it still \
                 contains images"
            );
            return Err(AwsError::client("RepositoryNotEmptyException", message));
        }
        let Some(repository) = state.ecr.repositories.remove(name) else {
            return Err(super::input::no_repository(name));
        };
        collect::discard(state, &blobs, &collect::everything_in(&repository));
        let mut described = json(&emulator.settings, name, &repository);
        // AWS leaves these out where a repository is deleted.
        if let Some(members) = described.as_object_mut() {
            members.retain(|member, _| {
                !matches!(member.as_str(), "imageScanningConfiguration" | "encryptionConfiguration")
            });
        }
        Ok(json!({ "repository": described }))
    })?;
    blobs.empty();
    Ok(output)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutMutability {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<Filter>>,
}

/// `PutImageTagMutability`.
pub(super) fn put_mutability(emulator: &Emulator, input: PutMutability) -> Answer<Value> {
    let named = Named { registry_id: input.registry_id, repository_name: input.repository_name };
    let name = named.check()?;
    let mutability = parse_mutability(&required("imageTagMutability", input.image_tag_mutability)?)?;
    let exclusions = checked_filters(mutability, input.image_tag_mutability_exclusion_filters)?;
    emulator.store.write(|state| {
        let repository = existing_mut(state, name)?;
        repository.mutability = mutability;
        repository.exclusions = exclusions;
        let mut output = json!({ "registryId": ACCOUNT, "repositoryName": name, "imageTagMutability": mutability });
        put_filters(&mut output, repository);
        Ok(output)
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutScanning {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_scanning_configuration: Option<Scanning>,
}

/// `PutImageScanningConfiguration`.
pub(super) fn put_scanning(emulator: &Emulator, input: PutScanning) -> Answer<Value> {
    let named = Named { registry_id: input.registry_id, repository_name: input.repository_name };
    let name = named.check()?;
    let scan = required("imageScanningConfiguration", input.image_scanning_configuration)?.scan_on_push;
    emulator.store.write(|state| {
        existing_mut(state, name)?.scan_on_push = scan;
        let configuration = json!({ "scanOnPush": scan });
        Ok(json!({ "registryId": ACCOUNT, "repositoryName": name, "imageScanningConfiguration": configuration }))
    })
}

/// `Repository` on the wire.
fn json(settings: &Settings, name: &str, repository: &Repository) -> Value {
    let mut output = json!({
        "repositoryArn": settings.arn("ecr", &format!("repository/{name}")),
        "registryId": ACCOUNT,
        "repositoryName": name,
        "repositoryUri": format!("{}/{name}", settings.registry()),
        "createdAt": repository.created_at,
        "imageTagMutability": repository.mutability,
        "imageScanningConfiguration": { "scanOnPush": repository.scan_on_push },
        "encryptionConfiguration": { "encryptionType": "AES256" },
    });
    put_filters(&mut output, repository);
    output
}

fn put_filters(output: &mut Value, repository: &Repository) {
    let filters = repository.exclusions.iter().map(|filter| json!({ "filterType": "WILDCARD", "filter": filter }));
    if !repository.exclusions.is_empty() {
        output["imageTagMutabilityExclusionFilters"] = filters.collect();
    }
}

fn parse_mutability(text: &str) -> Answer<Mutability> {
    serde_json::from_value(text.into()).map_err(|_| {
        let names = "[MUTABLE, IMMUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]";
        invalid("imageTagMutability", format!("Member must satisfy enum value set: {names}"))
    })
}

fn checked_filters(mutability: Mutability, filters: Option<Vec<Filter>>) -> Answer<Vec<String>> {
    const MEMBER: &str = "imageTagMutabilityExclusionFilters";
    let takes_filters = matches!(mutability, Mutability::MutableWithExclusion | Mutability::ImmutableWithExclusion);
    let setting =
        serde_json::to_value(mutability).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let filters = match filters {
        None if takes_filters => {
            let why = "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as";
            return Err(invalid(MEMBER, format!("{why} {setting}")));
        }
        Some(_) if !takes_filters => {
            let why = "ImageTagMutabilityExclusionFilters must be null when imageTagMutability is set as";
            return Err(invalid(MEMBER, format!("{why} {setting}")));
        }
        None => return Ok(Vec::new()),
        // ECR: one to five filters.
        Some(filters) => super::input::listed(MEMBER, Some(filters), 5)?,
    };
    for Filter { filter_type, filter } in &filters {
        if filter_type != "WILDCARD" {
            return Err(invalid(MEMBER, "Member must satisfy enum value set: [WILDCARD]"));
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'*' | b'-');
        if filter.is_empty() || filter.len() > 128 || !filter.bytes().all(allowed) {
            return Err(invalid(MEMBER, "must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$'"));
        }
        // ECR: no filter has more than two wildcards.
        if filter.bytes().filter(|byte| *byte == b'*').count() > 2 {
            return Err(invalid(MEMBER, "A filter can contain at most 2 wildcards (*)"));
        }
    }
    Ok(filters.into_iter().map(|filter| filter.filter).collect())
}

fn check_encryption(encryption: &Encryption) -> Answer<()> {
    match (encryption.encryption_type.as_str(), &encryption.kms_key) {
        ("AES256", None) => Ok(()),
        ("AES256", Some(_)) => Err(invalid("encryptionConfiguration", "KMS key can't be set for AES256 encryption")),
        (kms @ ("KMS" | "KMS_DSSE"), _) => Err(AwsError::unsupported(format!("Encryption type {kms}"))),
        _ => Err(invalid("encryptionConfiguration", "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(texts: &[&str]) -> Option<Vec<Filter>> {
        let filter = |text: &&str| Filter { filter_type: "WILDCARD".to_owned(), filter: (*text).to_owned() };
        Some(texts.iter().map(filter).collect())
    }

    #[test]
    fn filters_go_with_exclusion_and_with_nothing_else() {
        use Mutability::{Immutable, ImmutableWithExclusion, Mutable, MutableWithExclusion};
        assert_eq!(checked_filters(Immutable, None).unwrap(), Vec::<String>::new());
        assert_eq!(checked_filters(ImmutableWithExclusion, filters(&["local", "a*b*"])).unwrap(), ["local", "a*b*"]);
        for (mutability, given) in [
            (Mutable, filters(&["a"])),
            (Immutable, filters(&["a"])),
            (MutableWithExclusion, None),
            (ImmutableWithExclusion, filters(&[])),
            (ImmutableWithExclusion, filters(&["a", "b", "c", "d", "e", "f"])),
            (ImmutableWithExclusion, filters(&["a b"])),
            (ImmutableWithExclusion, filters(&[""])),
            (ImmutableWithExclusion, filters(&["*a*b*"])),
        ] {
            assert_eq!(checked_filters(mutability, given).unwrap_err().code, "InvalidParameterException");
        }
    }
}
