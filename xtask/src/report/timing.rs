//! Duration of the phases of a verb.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

/// Seconds per phase, in order.
#[derive(Debug)]
pub struct Timing {
    begun: Instant,
    last: Instant,
    phases: Vec<(&'static str, f64)>,
}

impl Timing {
    /// Starts the first phase.
    pub fn start() -> Timing {
        let now = Instant::now();
        Timing { begun: now, last: now, phases: Vec::new() }
    }

    /// Completes a phase and starts the next one. The durations of a phase for several services are added up.
    pub fn mark(&mut self, phase: &'static str) {
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, all)) => *all += seconds,
            None => self.phases.push((phase, seconds)),
        }
        self.last = now;
    }

    /// Returns the seconds of each phase and in `total`, to the millisecond.
    pub fn seconds(&self) -> BTreeMap<&'static str, f64> {
        let round = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        let phases = self.phases.iter().map(|(phase, seconds)| (*phase, round(*seconds)));
        phases.chain([("total", round(self.begun.elapsed().as_secs_f64()))]).collect()
    }

    /// Returns the seconds since the start.
    pub fn total(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases = self.phases.iter().map(|(phase, seconds)| format!("{phase} {seconds:.1} s"));
        f.write_str(&phases.collect::<Vec<_>>().join(", "))
    }
}
