//! Progress of a push: on a terminal one bar that counts bytes; elsewhere one plain line per blob that has arrived.

use indicatif::{ProgressBar, ProgressStyle};

use super::Report;
use crate::image::Digest;

const TEMPLATE: &str = "    {bar:30} {bytes:>10} of {total_bytes:<10} {bytes_per_sec:>12} {elapsed:>4} {wide_msg}";

/// How a blob got to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was there.
    Existing,
    /// The registry had it in another repository.
    Mounted,
    /// It was sent.
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
    /// How it got there.
    pub how: How,
}

/// What happens meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes sent so far, of all blobs.
    Moved(u64),
    /// One blob is where it should be.
    Arrived(Sent),
    /// Something is attempted again; why and when.
    Again(String),
}

/// Draws the events of one push.
#[derive(Debug)]
pub struct TransferProgress {
    report: Report,
    bar: Option<ProgressBar>,
    there: u64,
}

impl TransferProgress {
    /// Of so many bytes in all.
    pub fn new(report: Report, total: u64) -> TransferProgress {
        // The template is a constant that the test below parses.
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = report.is_live().then(|| ProgressBar::new(total).with_style(style));
        TransferProgress { report, bar, there: 0 }
    }

    /// Draws one event.
    pub fn show(&mut self, event: &Event) {
        match (event, &self.bar) {
            (Event::Moved(bytes), Some(bar)) => bar.set_position(bytes + self.there),
            (Event::Moved(_), None) => {}
            (Event::Arrived(sent), bar) => {
                let how = match sent.how {
                    How::Existing => "was there",
                    How::Mounted => "taken over from another repository",
                    How::Uploaded => "sent",
                };
                if sent.how != How::Uploaded {
                    self.there += sent.size;
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
            // The last blob to arrive is not what the line is about.
            bar.set_message("");
            bar.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_template_is_one_that_indicatif_knows() {
        assert!(indicatif::ProgressStyle::with_template(super::TEMPLATE).is_ok());
    }
}
