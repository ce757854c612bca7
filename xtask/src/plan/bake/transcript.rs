//! Buildx's plain progress as events, and the failure at its end. Plain text is the format that every buildx from 0.13
//! on supports. Pure: lines in, values out.

use std::collections::HashMap;

/// One step of a build, labelled by buildx as `[app build 2/4] RUN …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Buildx's number, unique within a run.
    pub id: u32,
    /// The bake target; empty for steps of no target.
    pub target: String,
    /// Stage and position (`build 2/4`), `internal`, or empty.
    pub stage: String,
    /// The instruction or BuildKit's own operation (`exporting to oci image format`).
    pub text: String,
}

/// The event in a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first line of a step.
    Started(Step),
    /// The result was cached.
    Cached(Step),
    /// The step finished, after this number of seconds.
    Done(Step, f64),
    /// The step printed a line.
    Log(Step, String),
    /// The step failed.
    Failed(Step, String),
}

/// The cause of a failed run, as reported by BuildKit, with its Dockerfile excerpt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The target of the failed step, if a step failed.
    pub target: Option<String>,
    /// First line of the failing instruction in the Dockerfile.
    pub line: Option<u32>,
    /// The excerpt of the Dockerfile, as printed.
    pub excerpt: Vec<String>,
    /// The failing step's last lines of output, without their times.
    pub log: Vec<String>,
    /// The last `ERROR:` line, without that word and BuildKit's `failed to solve`.
    pub cause: String,
}

impl Failure {
    /// Returns whether the failed step could not resolve a host name, by the messages of apt, glibc, curl, wget,
    /// busybox, apk and npm.
    pub fn resolved_no_name(&self) -> bool {
        const WORDS: [&str; 8] = [
            "Temporary failure resolving",
            "Temporary failure in name resolution",
            "Name or service not known",
            "Could not resolve host",
            "unable to resolve host address",
            "bad address '",
            "DNS: transient error",
            "getaddrinfo EAI_AGAIN",
        ];
        self.log.iter().any(|line| WORDS.iter().any(|words| line.contains(words)))
    }
}

/// The parser of a run's lines.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The only target's name, which buildx omits from the labels.
    sole: Option<String>,
    steps: HashMap<u32, Step>,
    logs: HashMap<u32, Vec<String>>,
    failed: Option<u32>,
    tail: Vec<String>,
}

/// Number of a step's last lines in a failure: enough to see the cause, less than the whole log.
const LOG_LINES: usize = 30;

impl Transcript {
    /// Creates a parser; `targets` are the names of the plan's targets.
    pub fn new(targets: &[String]) -> Transcript {
        let sole = match targets {
            [only] => Some(only.clone()),
            _ => None,
        };
        Transcript { sole, ..Transcript::default() }
    }

    /// Parses a line. Returns its event, if it has one.
    pub fn read(&mut self, line: &str) -> Option<Event> {
        let Some((id, rest)) = line.strip_prefix('#').and_then(|rest| rest.split_once(' ')) else {
            self.keep(line);
            return None;
        };
        let Ok(id) = id.parse::<u32>() else {
            self.keep(line);
            return None;
        };
        let Some(step) = self.steps.get(&id) else {
            let step = self.label(id, rest);
            self.steps.insert(id, step.clone());
            return Some(Event::Started(step));
        };
        let step = step.clone();
        if rest == "CACHED" {
            return Some(Event::Cached(step));
        }
        if let Some(seconds) = rest.strip_prefix("DONE ") {
            return Some(Event::Done(step, seconds.trim_end_matches('s').parse().unwrap_or_default()));
        }
        if let Some(message) = rest.strip_prefix("ERROR: ") {
            self.failed.get_or_insert(id);
            return Some(Event::Failed(step, message.to_owned()));
        }
        // When buildx continues a step, it repeats the label. When it pauses a step, it prints `...`.
        if rest == "..." || rest == "CANCELED" || rest.starts_with('[') {
            return None;
        }
        let text = without_time(rest);
        let log = self.logs.entry(id).or_default();
        if log.len() == LOG_LINES {
            log.remove(0);
        }
        log.push(text.to_owned());
        Some(Event::Log(step, text.to_owned()))
    }

    /// Returns the failure of the run, after its last line and an exit code other than 0.
    pub fn failure(&self) -> Failure {
        let cause = self
            .tail
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("ERROR: "))
            .or_else(|| self.tail.iter().rev().map(String::as_str).find(|line| !line.trim().is_empty()))
            .unwrap_or("buildx printed no reason");
        let cause = cause.strip_prefix("failed to solve: ").unwrap_or(cause).to_owned();
        let line = self.tail.iter().find_map(|line| {
            let (file, number) = line.rsplit_once(':')?;
            (!file.contains(' ')).then(|| number.parse().ok()).flatten()
        });
        let is_excerpt =
            |line: &&String| line.split_once(" | ").is_some_and(|(number, _)| number.trim().parse::<u32>().is_ok());
        let target = self.failed.and_then(|id| self.steps.get(&id)).map(|step| step.target.clone());
        Failure {
            target: target.filter(|target| !target.is_empty()).or_else(|| self.sole.clone()),
            line,
            excerpt: self.tail.iter().filter(is_excerpt).cloned().collect(),
            log: self.failed.and_then(|id| self.logs.get(&id)).cloned().unwrap_or_default(),
            cause,
        }
    }

    /// Stores a line of no step: buildx's closing report, or a message of the client itself.
    fn keep(&mut self, line: &str) {
        // The list is bounded; only the last lines are needed.
        if self.tail.len() == 400 {
            self.tail.remove(0);
        }
        self.tail.push(line.to_owned());
    }

    fn label(&self, id: u32, rest: &str) -> Step {
        let mut step = Step { id, target: String::new(), stage: String::new(), text: rest.to_owned() };
        if let Some((label, text)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            step.text = text.trim().to_owned();
            match &self.sole {
                Some(sole) => {
                    step.target.clone_from(sole);
                    step.stage = label.to_owned();
                }
                None => {
                    let (target, stage) = label.split_once(' ').unwrap_or((label, ""));
                    step.target = target.to_owned();
                    step.stage = stage.to_owned();
                }
            }
        } else if let Some(sole) = &self.sole {
            step.target.clone_from(sole);
        }
        step
    }
}

/// Removes the time of a log line, in seconds since the start of the step. Status lines of transfers have none.
fn without_time(text: &str) -> &str {
    match text.split_once(' ') {
        Some((time, rest)) if time.contains('.') && time.parse::<f64>().is_ok() => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Failure, Transcript};

    fn run(targets: &[&str], lines: &str) -> (Vec<Event>, Failure) {
        let targets = targets.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut transcript = Transcript::new(&targets);
        let events = lines.lines().filter_map(|line| transcript.read(line)).collect();
        (events, transcript.failure())
    }

    /// Output of buildx 0.13.1 with BuildKit of Docker 26.1.
    const FAILING: &str = r#"#0 building with "default" instance using docker driver

#8 [app base 2/3] WORKDIR /x
#8 CACHED

#9 [app base 3/3] RUN echo hello   && echo "some trace" >&2   && false
#9 0.209 hello
#9 0.209 some trace
#9 ERROR: process "/bin/sh -c echo hello" did not complete successfully: exit code: 1
------
 > [app base 3/3] RUN echo hello   && echo "some trace" >&2   && false:
0.209 hello
0.209 some trace
------
Dockerfile:4
--------------------
   3 |     
   4 | >>> RUN echo hello \
   5 | >>>   && echo "some trace" >&2 \
   6 | >>>   && false
   7 |     FROM base
--------------------
ERROR: failed to solve: process "/bin/sh -c echo hello" did not complete successfully: exit code: 1
"#;

    #[test]
    fn reports_target_line_log_and_cause() {
        let (events, failure) = run(&["app", "nginx"], FAILING);
        assert_eq!(failure.target.as_deref(), Some("app"));
        assert_eq!(failure.line, Some(4));
        assert_eq!(failure.excerpt.len(), 5);
        assert_eq!(failure.log, ["hello", "some trace"]);
        assert_eq!(failure.cause, r#"process "/bin/sh -c echo hello" did not complete successfully: exit code: 1"#);
        let kinds = events.iter().map(|event| match event {
            Event::Started(step) => format!("started {} {}", step.target, step.stage),
            Event::Cached(step) => format!("cached {}", step.text),
            Event::Done(step, seconds) => format!("done {} {seconds}", step.text),
            Event::Log(_, text) => format!("log {text}"),
            Event::Failed(step, _) => format!("failed {}", step.id),
        });
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            [
                "started building with",
                "started app base 2/3",
                "cached WORKDIR /x",
                "started app base 3/3",
                "log hello",
                "log some trace",
                "failed 9"
            ]
            .map(|text| if text == "started building with" {
                "started  ".to_owned()
            } else {
                text.to_owned()
            })
        );
    }

    #[test]
    fn adds_target_to_labels_of_single_target() {
        let (events, failure) = run(
            &["app"],
            "#5 [base 1/3] FROM x\n#5 DONE 1.5s\nDockerfile:2\n   2 | >>> RUNN x\nERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)",
        );
        let Event::Done(step, seconds) = &events[1] else { panic!("{events:?}") };
        assert_eq!((step.target.as_str(), step.stage.as_str(), *seconds), ("app", "base 1/3", 1.5));
        assert_eq!(failure.target.as_deref(), Some("app"));
        assert_eq!(failure.line, Some(2));
        assert_eq!(failure.cause, "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)");
    }

    #[test]
    fn reports_cause_without_any_step() {
        let (_, failure) = run(
            &["app"],
            "ERROR: Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?",
        );
        assert!(failure.cause.starts_with("Cannot connect"), "{failure:?}");
        assert_eq!(run(&["app"], "").1.cause, "buildx printed no reason");
        assert_eq!(run(&["a", "b"], "something went wrong\n\n").1.cause, "something went wrong");
    }

    #[test]
    fn repeated_label_is_not_a_log_line() {
        let (events, _) = run(
            &["a", "b"],
            "#17 [a] exporting to oci image format\n#17 ...\n#17 [a] exporting to oci image format\n#17 DONE 0.9s",
        );
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn accepts_hostile_lines() {
        let lines = "#\n# \n#x y\n#99999999999 z\n#1 [\n#1 ]\n#2 [a\n#3 [] \n#4 DONE\n#4 DONE x\n:\n | \n9 | \n";
        let (_, failure) = run(&[], lines);
        assert!(!failure.cause.is_empty());
    }
}
