//! Releases of an environment: the revisions of its family with their records, newest first. There is no other store.

use super::target::Target;
use crate::ecs::Revision;
use crate::ecs::record::Record;
use crate::effects::ecs;

/// One recorded release.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The revision.
    pub revision: Revision,
    /// Its record; `None` where Slipway did not register it.
    pub record: Option<Record>,
}

/// The newest releases, `count` at most. One call for the list, and one for each revision: ECS has no other way to tags.
///
/// # Errors
/// AWS's.
pub fn newest(target: &Target, count: usize) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for arn in ecs::list_task_definitions(&target.aws, &target.settings.names.family, count)? {
        if let Some(revision) = ecs::describe_task_definition(&target.aws, &arn)? {
            let record = Record::from_tags(&revision.tags);
            entries.push(Entry { revision, record });
        }
    }
    Ok(entries)
}
