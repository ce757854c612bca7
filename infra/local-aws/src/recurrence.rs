//! The moments of a schedule expression in a time zone. Pure.
//!
//! AWS, "Daylight savings time on EventBridge Scheduler": a time that does not exist on a day is skipped, and a time that
//! occurs twice is used once.

use aws_facts::schedule::{Expression, Moment};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::time::Timestamp;

const MINUTE: u64 = 60_000;

/// The moments of a schedule.
#[derive(Clone, Debug)]
pub struct Recurrence {
    expression: Expression,
    zone: TimeZone,
    /// The first moment of a rate.
    anchor: Timestamp,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Recurrence {
    /// Combines an expression, the name of its IANA time zone and its bounds. `None` if the time zone does not exist.
    pub fn new(
        expression: Expression,
        zone: &str,
        created: Timestamp,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Option<Recurrence> {
        let zone = TimeZone::get(zone).ok()?;
        Some(Recurrence { expression, zone, anchor: start.unwrap_or(created), start, end })
    }

    /// Returns the first moment that is not before `from`. AWS ignores the bounds of a one-time schedule.
    pub fn next(&self, from: Timestamp) -> Option<Timestamp> {
        let within = self.start.map_or(from, |start| from.max(start));
        let next = match &self.expression {
            Expression::At(moment) => {
                let moment = self.zone.to_ambiguous_timestamp(civil(*moment)?).compatible().ok().and_then(timestamp)?;
                return (moment >= from).then_some(moment);
            }
            Expression::Rate(minutes) => {
                let (period, anchor) = (minutes.checked_mul(MINUTE)?, self.anchor.as_millis());
                let periods = within.as_millis().saturating_sub(anchor).div_ceil(period);
                Timestamp::from_millis(anchor.checked_add(periods.checked_mul(period)?)?)
            }
            Expression::Cron(cron) => {
                let moments = cron.moments(self.date_of(within)?);
                moments.filter_map(|moment| self.unique(moment)).find(|moment| *moment >= within)?
            }
        };
        self.end.is_none_or(|end| next <= end).then_some(next)
    }

    /// The date before which no moment can lie: midnight of the day, on the clock of the time zone.
    fn date_of(&self, moment: Timestamp) -> Option<Moment> {
        let millis = i64::try_from(moment.as_millis()).ok()?;
        let local = jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned(self.zone.clone()).datetime();
        Some(Moment {
            year: u16::try_from(local.year()).ok()?,
            month: u8::try_from(local.month()).ok()?,
            day: u8::try_from(local.day()).ok()?,
            hour: 0,
            minute: 0,
            second: 0,
        })
    }

    fn unique(&self, moment: Moment) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(civil(moment)?);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => None,
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok().and_then(timestamp)
            }
        }
    }
}

fn civil(moment: Moment) -> Option<DateTime> {
    let Moment { year, month, day, hour, minute, second } = moment;
    let small = |value: u8| i8::try_from(value).ok();
    let year = i16::try_from(year).ok()?;
    DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
}

fn timestamp(moment: jiff::Timestamp) -> Option<Timestamp> {
    u64::try_from(moment.as_millisecond()).ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        timestamp(text.parse().unwrap()).unwrap()
    }

    fn recurrence(expression: &str, zone: &str) -> Recurrence {
        let expression = Expression::parse(expression).unwrap();
        Recurrence::new(expression, zone, at("2026-01-01T00:00:30Z"), None, None).unwrap()
    }

    fn next(recurrence: &Recurrence, from: &str, count: usize) -> Vec<String> {
        let mut from = at(from);
        let mut found = Vec::new();
        while found.len() < count
            && let Some(next) = recurrence.next(from)
        {
            found.push(next.to_string());
            from = Timestamp::from_millis(next.as_millis() + 1);
        }
        found
    }

    #[test]
    fn moments_follow_the_time_zone() {
        let midsummer = "2026-06-21T12:00:00Z";
        for (expression, zone, from, wanted) in [
            ("cron(0 10 * * ? *)", "UTC", midsummer, ["2026-06-22T10:00:00.000Z", "2026-06-23T10:00:00.000Z"]),
            (
                "cron(0 10 * * ? *)",
                "America/New_York",
                midsummer,
                ["2026-06-21T14:00:00.000Z", "2026-06-22T14:00:00.000Z"],
            ),
            ("cron(0 0 1 * ? *)", "Asia/Tokyo", midsummer, ["2026-06-30T15:00:00.000Z", "2026-07-31T15:00:00.000Z"]),
            // A moment is its own first moment.
            ("cron(0 12 * * ? *)", "UTC", midsummer, ["2026-06-21T12:00:00.000Z", "2026-06-22T12:00:00.000Z"]),
            ("rate(1 hour)", "UTC", midsummer, ["2026-06-21T12:00:30.000Z", "2026-06-21T13:00:30.000Z"]),
            ("rate(1 day)", "UTC", "2025-01-01T00:00:00Z", ["2026-01-01T00:00:30.000Z", "2026-01-02T00:00:30.000Z"]),
            // 02:30 does not exist on 29 March and is skipped; it occurs twice on 25 October and is used once.
            (
                "cron(30 2 * * ? *)",
                "Europe/Berlin",
                "2026-03-28T12:00:00Z",
                ["2026-03-30T00:30:00.000Z", "2026-03-31T00:30:00.000Z"],
            ),
            (
                "cron(30 2 * * ? *)",
                "Europe/Berlin",
                "2026-10-24T12:00:00Z",
                ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"],
            ),
        ] {
            assert_eq!(next(&recurrence(expression, zone), from, 2), wanted, "{expression} {zone}");
        }
    }

    #[test]
    fn a_one_time_schedule_has_one_moment() {
        let once = recurrence("at(2026-11-20T13:00:00)", "Europe/Berlin");
        assert_eq!(next(&once, "2026-01-01T00:00:00Z", 3), ["2026-11-20T12:00:00.000Z"]);
        assert!(next(&once, "2026-11-20T12:00:01Z", 1).is_empty());
    }

    #[test]
    fn bounds_cut_recurring_schedules() {
        let bounded = |expression: &str| {
            let (start, end) = (at("2026-05-01T06:00:00Z"), at("2026-05-01T08:00:00Z"));
            let expression = Expression::parse(expression).unwrap();
            let created = at("2026-01-01T00:00:00Z");
            next(
                &Recurrence::new(expression, "UTC", created, Some(start), Some(end)).unwrap(),
                "2026-01-01T00:00:00Z",
                9,
            )
        };
        assert_eq!(bounded("rate(90 minutes)"), ["2026-05-01T06:00:00.000Z", "2026-05-01T07:30:00.000Z"]);
        let hours = ["2026-05-01T06:00:00.000Z", "2026-05-01T07:00:00.000Z", "2026-05-01T08:00:00.000Z"];
        assert_eq!(bounded("cron(0 * * * ? *)"), hours);
        assert_eq!(bounded("at(2026-01-02T00:00:00)"), ["2026-01-02T00:00:00.000Z"]);
        assert!(Recurrence::new(Expression::Rate(1), "Mars/Olympus", Timestamp::default(), None, None).is_none());
    }
}
