//! Log output of one container of one task, by the log configuration of its definition. Each line is returned once.

use super::target::Target;
use crate::ecs::{LogLine, TaskDefinition};
use crate::effects::logs;

/// The CloudWatch log stream of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Name of the log group.
    pub group: String,
    /// Name of the stream: `<prefix>/<container>/<task id>`.
    pub name: String,
}

/// Returns the stream of a container; `None` if its logs do not go to CloudWatch.
pub fn stream(definition: &TaskDefinition, container: &str, task: &str) -> Option<Stream> {
    let log = definition.container(container)?.log_configuration.as_ref()?;
    let option = |name: &str| log.options.get(name).filter(|_| log.log_driver == "awslogs");
    let (group, prefix) = (option("awslogs-group")?.clone(), option("awslogs-stream-prefix")?);
    Some(Stream { group, name: format!("{prefix}/{container}/{task}") })
}

/// A reader of new log lines.
#[derive(Debug)]
pub struct Output<'a> {
    target: &'a Target,
    stream: Option<Stream>,
    shown: Vec<LogLine>,
}

/// Maximum number of lines per call, CloudWatch's limit. Of more lines, the last ones are shown.
const WINDOW: u32 = 10_000;

impl<'a> Output<'a> {
    /// Creates the reader of a container.
    pub fn of(target: &'a Target, definition: &TaskDefinition, container: &str, task: &str) -> Output<'a> {
        Output { target, stream: stream(definition, container, task), shown: Vec::new() }
    }

    /// Returns lines that were not returned before.
    ///
    /// # Errors
    /// Returns AWS's errors.
    pub fn news(&mut self) -> anyhow::Result<Vec<LogLine>> {
        let Some(stream) = &self.stream else { return Ok(Vec::new()) };
        let lines = logs::tail(&self.target.aws, &stream.group, &stream.name, WINDOW)?;
        let news = behind(&self.shown, &lines).to_vec();
        self.shown = lines;
        Ok(news)
    }
}

/// Returns the lines after those of the previous poll. A poll returns only the last lines of a stream, so beyond that
/// limit the last known line is searched for.
fn behind<'l>(before: &[LogLine], now: &'l [LogLine]) -> &'l [LogLine] {
    if now.len() < WINDOW as usize {
        return now.get(before.len()..).unwrap_or_default();
    }
    let last = before.last().and_then(|last| now.iter().rposition(|line| line == last));
    now.get(last.map_or(0, |at| at + 1)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Stream, WINDOW, behind, stream};
    use crate::ecs::{LogLine, TaskDefinition};

    fn lines(numbers: std::ops::Range<u32>) -> Vec<LogLine> {
        numbers.map(|number| LogLine { message: number.to_string(), ..LogLine::default() }).collect()
    }

    #[test]
    fn each_line_is_shown_once_however_many_there_are() {
        let check = |before: std::ops::Range<u32>, now: std::ops::Range<u32>, expected: std::ops::Range<u32>| {
            assert_eq!(behind(&lines(before), &lines(now)), lines(expected));
        };
        check(0..0, 0..3, 0..3);
        check(0..3, 0..3, 0..0);
        check(0..3, 0..5, 3..5);
        // A poll returns the last lines only.
        check(0..5, 2..2 + WINDOW, 5..2 + WINDOW);
        check(5..5 + WINDOW, 9..9 + WINDOW, 5 + WINDOW..9 + WINDOW);
        check(0..5, 90..90 + WINDOW, 90..90 + WINDOW);
    }

    #[test]
    fn a_stream_is_named_after_prefix_container_and_task() {
        let log =
            json!({"logDriver": "awslogs", "options": {"awslogs-group": "/shop", "awslogs-stream-prefix": "web"}});
        let document = json!({"containerDefinitions": [{"name": "app", "logConfiguration": log}, {"name": "mute"}]});
        let definition = TaskDefinition::from_document(document.as_object().unwrap().clone()).unwrap();
        let expected = Stream { group: "/shop".to_owned(), name: "web/app/0123".to_owned() };
        assert_eq!(stream(&definition, "app", "0123"), Some(expected));
        assert_eq!(stream(&definition, "mute", "0123"), None);
        assert_eq!(stream(&definition, "absent", "0123"), None);
    }
}
