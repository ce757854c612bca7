//! Progress of a build: one redrawn line per image and stage on a terminal, else one plain line per finished step.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Report;
use crate::plan::bake::transcript::{Event, Step};

/// Progress display of one bake run.
#[derive(Debug)]
pub struct BuildProgress {
    report: Report,
    live: Option<Live>,
}

#[derive(Debug)]
struct Live {
    all: MultiProgress,
    lines: BTreeMap<(String, String), ProgressBar>,
}

impl BuildProgress {
    /// Creates the display. It draws nothing before the first event.
    pub fn new(report: Report) -> BuildProgress {
        let live = report.is_live().then(|| Live { all: MultiProgress::new(), lines: BTreeMap::new() });
        BuildProgress { report, live }
    }

    /// Draws one event.
    pub fn show(&mut self, event: &Event) {
        match &mut self.live {
            Some(live) => live.show(event),
            None => {
                if let Some(line) = plain_line(event) {
                    self.report.detail(line);
                }
            }
        }
    }

    /// Leaves the finished lines on the screen and stops redrawing.
    pub fn finish(self) {
        if let Some(live) = self.live {
            for line in live.lines.into_values() {
                line.abandon();
            }
        }
    }
}

impl Live {
    fn show(&mut self, event: &Event) {
        let (Event::Started(step)
        | Event::Cached(step)
        | Event::Done(step, _)
        | Event::Log(step, _)
        | Event::Failed(step, _)) = event;
        if is_internal(step) {
            return;
        }
        let (stage, position) = stage_and_position(step);
        let key = (step.target.clone(), stage.to_owned());
        let all = &self.all;
        let line = self.lines.entry(key).or_insert_with(|| {
            let bar = all.add(ProgressBar::new_spinner().with_style(style()));
            bar.set_prefix(format!("{:<12} {stage:<10}", step.target));
            bar
        });
        let text = shorten(&step.text, 90);
        // The state comes first: narrow terminals cut off the end of a long instruction.
        let (message, runs) = match event {
            Event::Started(_) => (format!("{position:<5} …        {text}"), true),
            Event::Log(_, output) => (format!("{position:<5} …        {}: {output}", shorten(&step.text, 40)), true),
            Event::Cached(_) => (format!("{position:<5} cached   {text}"), false),
            Event::Done(_, seconds) => (format!("{position:<5} {:<8} {text}", format!("{seconds:.1}s")), false),
            Event::Failed(..) => (format!("{position:<5} FAILED   {text}"), false),
        };
        if matches!(event, Event::Started(_)) {
            line.reset_elapsed();
        }
        line.set_message(message);
        // The line of a finished step keeps its duration; the others continue to count.
        if runs {
            line.enable_steady_tick(TICK);
        } else {
            line.disable_steady_tick();
            line.tick();
        }
    }
}

/// Interval between two updates of a running step's time.
const TICK: Duration = Duration::from_millis(200);

fn style() -> ProgressStyle {
    // The template is a constant that the test below parses.
    ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

const TEMPLATE: &str = "    {prefix} {elapsed:>4} {wide_msg}";

/// Returns the line for CI: a finished step with its duration, a cached or a failed one.
fn plain_line(event: &Event) -> Option<String> {
    let line = |step: &Step, end: &str| {
        let (stage, position) = stage_and_position(step);
        format!("{:<12} {:<14} {} {end}", step.target, format!("{stage} {position}").trim(), shorten(&step.text, 90))
    };
    match event {
        Event::Cached(step) if !is_internal(step) => Some(line(step, "(cached)")),
        Event::Done(step, seconds) if !is_internal(step) => Some(line(step, &format!("{seconds:.1}s"))),
        Event::Failed(step, _) => Some(line(step, "FAILED")),
        _ => None,
    }
}

/// Returns an instruction on one line, with white space folded, cut to `longest` characters.
fn shorten(text: &str, longest: usize) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match folded.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", folded.get(..end).unwrap_or_default()),
        None => folded,
    }
}

/// Returns whether a step is BuildKit's own, such as loading a definition: it is shown only when it fails.
fn is_internal(step: &Step) -> bool {
    step.target.is_empty()
        || step.target == "internal"
        || step.stage == "internal"
        || step.stage.starts_with("context ")
}

/// Splits `build 2/4` into `build` and `2/4`.
fn stage_and_position(step: &Step) -> (&str, &str) {
    match step.stage.rsplit_once(' ') {
        Some((stage, position)) if position.contains('/') => (stage, position),
        _ if step.stage.contains('/') => ("", &step.stage),
        _ => (&step.stage, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::{TEMPLATE, plain_line};
    use crate::plan::bake::transcript::{Event, Step};

    fn step(target: &str, stage: &str, text: &str) -> Step {
        Step { id: 1, target: target.to_owned(), stage: stage.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn the_template_parses() {
        assert!(indicatif::ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn plain_lines_have_time_or_cached() {
        let check = |event: Event, expected: Option<&str>| {
            let line = plain_line(&event);
            assert_eq!(
                line.as_deref().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).as_deref(),
                expected
            );
        };
        check(Event::Done(step("app", "build 2/4", "RUN make"), 1.25), Some("app build 2/4 RUN make 1.2s"));
        check(Event::Cached(step("app", "2/4", "RUN make")), Some("app 2/4 RUN make (cached)"));
        check(
            Event::Done(step("app", "", "exporting to oci image format"), 0.9),
            Some("app exporting to oci image format 0.9s"),
        );
        check(Event::Done(step("app", "internal", "load metadata"), 0.1), None);
        check(
            Event::Failed(step("app", "internal", "load metadata"), "no such host".to_owned()),
            Some("app internal load metadata FAILED"),
        );
        check(Event::Log(step("app", "2/4", "RUN make"), "cc".to_owned()), None);
    }
}
