//! Output of one container of one task, by the log configuration of its definition: each line once, as it comes.

use super::target::Target;
use crate::ecs::{LogLine, TaskDefinition};
use crate::effects::logs;

/// Where a container's lines are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// CloudWatch log group.
    pub group: String,
    /// `<prefix>/<container>/<task id>`.
    pub name: String,
}

/// The stream of a container; `None` where its output does not go to CloudWatch.
pub fn stream(definition: &TaskDefinition, container: &str, task: &str) -> Option<Stream> {
    let log = definition.container(container)?.log_configuration.as_ref()?;
    let option = |name: &str| log.options.get(name).filter(|_| log.log_driver == "awslogs");
    let (group, prefix) = (option("awslogs-group")?.clone(), option("awslogs-stream-prefix")?);
    Some(Stream { group, name: format!("{prefix}/{container}/{task}") })
}

/// What is still to be shown.
#[derive(Debug)]
pub struct Output<'a> {
    target: &'a Target,
    stream: Option<Stream>,
    shown: usize,
}

/// Lines that are looked at: a one-off task that writes more between two looks is heard in part.
const WINDOW: u32 = 10_000;

impl<'a> Output<'a> {
    /// Of a container.
    pub fn of(target: &'a Target, definition: &TaskDefinition, container: &str, task: &str) -> Output<'a> {
        Output { target, stream: stream(definition, container, task), shown: 0 }
    }

    /// Lines that were not shown yet.
    ///
    /// # Errors
    /// AWS's.
    pub fn news(&mut self) -> anyhow::Result<Vec<LogLine>> {
        let Some(stream) = &self.stream else { return Ok(Vec::new()) };
        let lines = logs::tail(&self.target.aws, &stream.group, &stream.name, WINDOW)?;
        let news = lines.get(self.shown..).unwrap_or_default().to_vec();
        self.shown = self.shown.max(lines.len());
        Ok(news)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Stream, stream};
    use crate::ecs::TaskDefinition;

    #[test]
    fn a_stream_is_named_after_prefix_container_and_task() {
        let log =
            json!({"logDriver": "awslogs", "options": {"awslogs-group": "/shop", "awslogs-stream-prefix": "web"}});
        let document = json!({"containerDefinitions": [{"name": "app", "logConfiguration": log}, {"name": "mute"}]});
        let definition = TaskDefinition::from_document(document.as_object().unwrap().clone()).unwrap();
        let expected = Stream { group: "/shop".to_owned(), name: "web/app/0123".to_owned() };
        assert_eq!(stream(&definition, "app", "0123"), Some(expected));
        assert_eq!(stream(&definition, "mute", "0123"), None);
        assert_eq!(stream(&definition, "nobody", "0123"), None);
    }
}
