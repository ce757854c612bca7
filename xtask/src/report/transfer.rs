//! Progress of a push: one bar that counts bytes on a terminal, else one plain line per blob in the repository.

use indicatif::{ProgressBar, ProgressStyle};

use super::Report;
use crate::image::Digest;

const TEMPLATE: &str = "    {bar:30} {bytes:>10} of {total_bytes:<10} {bytes_per_sec:>12} {elapsed:>4} {wide_msg}";

/// The way in which a blob reached its repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The repository had it already.
    Existing,
    /// The registry mounted it from another repository.
    Mounted,
    /// It was uploaded.
    Uploaded,
}

/// One blob in one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The repository.
    pub repository: String,
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its way into the repository.
    pub how: How,
}

/// An event of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Total number of bytes sent so far.
    Moved(u64),
    /// A blob is in its repository.
    Arrived(Sent),
    /// A request is retried; the text has the reason and the delay.
    Again(String),
}

/// Progress display of one push.
#[derive(Debug)]
pub struct TransferProgress {
    report: Report,
    bar: Option<ProgressBar>,
    existing: u64,
}

impl TransferProgress {
    /// Creates the display for a total of bytes.
    pub fn new(report: Report, total: u64) -> TransferProgress {
        // The template is a constant that the test below parses.
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = report.is_live().then(|| ProgressBar::new(total).with_style(style));
        TransferProgress { report, bar, existing: 0 }
    }

    /// Draws one event.
    pub fn show(&mut self, event: &Event) {
        match (event, &self.bar) {
            (Event::Moved(bytes), Some(bar)) => bar.set_position(bytes + self.existing),
            (Event::Moved(_), None) => {}
            (Event::Arrived(sent), bar) => {
                let how = match sent.how {
                    How::Existing => "exists",
                    How::Mounted => "mounted from another repository",
                    How::Uploaded => "uploaded",
                };
                if sent.how != How::Uploaded {
                    self.existing += sent.size;
                }
                let line =
                    format!("{}  {}  {:.1} MB {how}", sent.repository, sent.digest.short(), sent.size as f64 / 1e6);
                match bar {
                    Some(bar) => bar.set_message(line),
                    None => self.report.detail(line),
                }
            }
            (Event::Again(why), Some(bar)) => bar.println(format!("warning: {why}")),
            (Event::Again(why), None) => self.report.warn(why),
        }
    }

    /// Leaves the bar on the screen and stops redrawing.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            // The final line is about all blobs, not about the last one.
            bar.set_message("");
            bar.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_template_parses() {
        assert!(indicatif::ProgressStyle::with_template(super::TEMPLATE).is_ok());
    }
}
