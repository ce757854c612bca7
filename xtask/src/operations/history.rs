//! Releases of an environment: the revisions of its family with their records, newest first. No other store exists.

use super::target::Target;
use crate::ecs::Revision;
use crate::ecs::record::Record;
use crate::effects::ecs;

/// A revision and its record.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The revision.
    pub revision: Revision,
    /// Its record; `None` if Slipway did not register it.
    pub record: Option<Record>,
}

/// Returns the newest releases, at most `count`. One call for the list, and one per revision to get its tags.
///
/// # Errors
/// Returns AWS's errors.
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
