//! `cron(minutes hours day-of-month month day-of-week year)`, as EventBridge Scheduler reads it.

use super::{Moment, days, number};

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// Sunday is 1.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// First and last year of a cron expression.
const YEARS: (u32, u32) = (1970, 2199);

/// A parsed cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Vec<u32>,
    hours: Vec<u32>,
    days: Days,
    months: Vec<u32>,
    years: Vec<u32>,
}

/// The days of a month. One of the two fields that name them is `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<u32>),
    LastOfMonth,
    /// The weekday, Monday to Friday, that is nearest to a day of the month.
    NearestWeekday(u32),
    OfWeek(Vec<u32>),
    /// The last such day of the week in the month.
    LastOfWeek(u32),
    /// The day of the week, and its number in the month.
    Nth(u32, u32),
}

/// A field of the expression: its name in messages, its bounds and the names of its values.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MINUTES: Field = Field { name: "minutes", least: 0, most: 59, names: &[] };
const HOURS: Field = Field { name: "hours", least: 0, most: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { name: "day-of-month", least: 1, most: 31, names: &[] };
const MONTH: Field = Field { name: "month", least: 1, most: 12, names: &MONTHS };
const DAY_OF_WEEK: Field = Field { name: "day-of-week", least: 1, most: 7, names: &WEEKDAYS };
const YEAR: Field = Field { name: "year", least: YEARS.0, most: YEARS.1, names: &[] };

impl Field {
    fn wrong(&self, text: &str) -> String {
        format!("`{text}` is not a value of the field {}", self.name)
    }

    /// A number or a name, within the bounds.
    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(index) => u32::try_from(index).ok()? + self.least,
            None => number(text)?,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }

    /// The values of `*`, `1,3`, `1-5`, `0/15` and `10-30/5`, in order.
    fn values(&self, text: &str) -> Result<Vec<u32>, String> {
        let mut values = Vec::new();
        for part in text.split(',') {
            values.extend(self.part(part).ok_or_else(|| self.wrong(part))?);
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    fn part(&self, text: &str) -> Option<impl Iterator<Item = u32> + use<>> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|step| (1..=self.most).contains(step))?)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            // `5/15`: from 5 to the end.
            None => {
                let first = self.value(range)?;
                (first, if step.is_some() { self.most } else { first })
            }
        };
        (first <= last).then(|| (first..=last).step_by(step.unwrap_or(1) as usize))
    }
}

impl Cron {
    /// Parses the six fields.
    ///
    /// # Errors
    /// A sentence that names the wrong field.
    pub(super) fn parse(text: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = text.split(' ').filter(|field| !field.is_empty()).collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields[..] else {
            return Err(format!("a cron expression has 6 fields, and `{text}` has {}", fields.len()));
        };
        let days = match (day_of_month, day_of_week) {
            ("?", "?") => Err("only one of day-of-month and day-of-week can be `?`".to_owned()),
            (day_of_month, "?") => day_of_month_field(day_of_month),
            ("?", day_of_week) => day_of_week_field(day_of_week),
            _ => Err("one of day-of-month and day-of-week must be `?`".to_owned()),
        }?;
        Ok(Cron {
            minutes: MINUTES.values(minutes)?,
            hours: HOURS.values(hours)?,
            days,
            months: MONTH.values(month)?,
            years: YEAR.values(year)?,
        })
    }

    /// Returns the moments of the expression from `from` on, in order, on the calendar and clock of its time zone.
    pub fn moments(&self, from: Moment) -> impl Iterator<Item = Moment> + '_ {
        let years =
            self.years.iter().filter_map(|year| u16::try_from(*year).ok()).filter(move |year| *year >= from.year);
        let months =
            years.flat_map(|year| self.months.iter().map(move |month| (year, u8::try_from(*month).unwrap_or(12))));
        let months = months.filter(move |date| *date >= (from.year, from.month));
        let dates = months.flat_map(move |(year, month)| self.days_of(year, month).map(move |day| (year, month, day)));
        let dates = dates.filter(move |date| *date >= (from.year, from.month, from.day));
        dates
            .flat_map(move |(year, month, day)| {
                let times = self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
                times.filter_map(move |(hour, minute)| {
                    let (hour, minute) = (u8::try_from(hour).ok()?, u8::try_from(minute).ok()?);
                    Some(Moment { year, month, day, hour, minute, second: 0 })
                })
            })
            .skip_while(move |moment| *moment < from)
    }

    fn days_of(&self, year: u16, month: u8) -> impl Iterator<Item = u8> + '_ {
        let last = days(year, month);
        (1..=last).filter(move |day| self.is_on(year, month, *day, last))
    }

    fn is_on(&self, year: u16, month: u8, day: u8, last: u8) -> bool {
        let weekday = weekday(year, month, day);
        let number = u32::from(day);
        match &self.days {
            Days::OfMonth(days) => days.contains(&number),
            Days::LastOfMonth => day == last,
            Days::NearestWeekday(wanted) => nearest_weekday(year, month, *wanted, last) == Some(day),
            Days::OfWeek(days) => days.contains(&weekday),
            Days::LastOfWeek(wanted) => weekday == *wanted && day + 7 > last,
            Days::Nth(wanted, nth) => weekday == *wanted && (number - 1) / 7 + 1 == *nth,
        }
    }
}

fn day_of_month_field(text: &str) -> Result<Days, String> {
    if text == "L" {
        return Ok(Days::LastOfMonth);
    }
    match text.strip_suffix('W') {
        Some(day) => DAY_OF_MONTH.value(day).map(Days::NearestWeekday).ok_or_else(|| DAY_OF_MONTH.wrong(text)),
        None => DAY_OF_MONTH.values(text).map(Days::OfMonth),
    }
}

fn day_of_week_field(text: &str) -> Result<Days, String> {
    let wrong = || DAY_OF_WEEK.wrong(text);
    if text == "L" {
        // The last day of the week.
        return Ok(Days::OfWeek(vec![DAY_OF_WEEK.most]));
    }
    if let Some((day, nth)) = text.split_once('#') {
        let nth = number(nth).filter(|nth| (1..=5).contains(nth)).ok_or_else(wrong)?;
        return DAY_OF_WEEK.value(day).map(|day| Days::Nth(day, nth)).ok_or_else(wrong);
    }
    match text.strip_suffix('L') {
        Some(day) => DAY_OF_WEEK.value(day).map(Days::LastOfWeek).ok_or_else(wrong),
        None => DAY_OF_WEEK.values(text).map(Days::OfWeek),
    }
}

/// The day of the week, from Sunday as 1 (Sakamoto's method).
fn weekday(year: u16, month: u8, day: u8) -> u32 {
    const OFFSETS: [u32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let year = u32::from(year) - u32::from(month < 3);
    let offset = OFFSETS[usize::from(month - 1) % 12];
    (year + year / 4 - year / 100 + year / 400 + offset + u32::from(day)) % 7 + 1
}

/// The weekday nearest to a day of the month, within the month. `None` where the month does not have the day.
fn nearest_weekday(year: u16, month: u8, wanted: u32, last: u8) -> Option<u8> {
    let day = u8::try_from(wanted).ok().filter(|day| *day <= last)?;
    Some(match weekday(year, month, day) {
        // Sunday.
        1 if day == last => day - 2,
        1 => day + 1,
        // Saturday.
        7 if day == 1 => day + 2,
        7 => day - 1,
        _ => day,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        super::super::at(text).unwrap()
    }

    fn next(cron: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(cron).unwrap();
        let from = moment("2026-11-27T21:30:00");
        let text =
            |Moment { year, month, day, hour, minute, .. }| format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}");
        cron.moments(from).take(count).map(text).collect()
    }

    /// The examples of AWS's user guide, and one for each wildcard. 2026-11-27 is a Friday.
    #[test]
    fn expressions_have_their_moments() {
        for (cron, wanted) in [
            ("0 10 * * ? *", ["2026-11-28 10:00", "2026-11-29 10:00"]),
            ("15 12 * * ? *", ["2026-11-28 12:15", "2026-11-29 12:15"]),
            ("0 18 ? * MON-FRI *", ["2026-11-30 18:00", "2026-12-01 18:00"]),
            ("0 8 1 * ? *", ["2026-12-01 08:00", "2027-01-01 08:00"]),
            ("0/15 * * * ? *", ["2026-11-27 21:30", "2026-11-27 21:45"]),
            ("0/10 * ? * MON-FRI *", ["2026-11-27 21:30", "2026-11-27 21:40"]),
            ("0/5 8-17 ? * mon-fri *", ["2026-11-30 08:00", "2026-11-30 08:05"]),
            ("0 9 ? * 2#1 *", ["2026-12-07 09:00", "2027-01-04 09:00"]),
            ("15 10 ? * 6L 2022-2027", ["2026-12-25 10:15", "2027-01-29 10:15"]),
            ("0 0 L * ? *", ["2026-11-30 00:00", "2026-12-31 00:00"]),
            ("0 0 ? * L *", ["2026-11-28 00:00", "2026-12-05 00:00"]),
            // 2027-05-01 is a Saturday, 2027-08-01 and 2027-02-28 are Sundays.
            ("0 0 1W 5,8 ? 2027", ["2027-05-03 00:00", "2027-08-02 00:00"]),
            ("0 0 28W FEB ? 2027/1", ["2027-02-26 00:00", "2028-02-28 00:00"]),
            ("0 0 29 2 ? *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
            ("30,31 21 27 11 ? *", ["2026-11-27 21:30", "2026-11-27 21:31"]),
            ("0-40/20 23 ? JUL-SEP 1 *", ["2027-07-04 23:00", "2027-07-04 23:20"]),
        ] {
            assert_eq!(next(cron, 2), wanted, "{cron}");
        }
        // Over, and never.
        assert!(next("0 10 * * ? 2020-2025", 1).is_empty());
        assert!(next("0 0 31 FEB ? *", 1).is_empty());
    }

    #[test]
    fn rejects_wrong_fields() {
        for (cron, part) in [
            ("0 10 * * *", "6 fields"),
            ("0 10 * * * *", "must be `?`"),
            ("0 10 ? * ? *", "only one of"),
            ("60 10 * * ? *", "minutes"),
            ("0 24 * * ? *", "hours"),
            ("0 10 0 * ? *", "day-of-month"),
            ("0 10 32W * ? *", "day-of-month"),
            ("0 10 * 13 ? *", "month"),
            ("0 10 * JANUARY ? *", "month"),
            ("0 10 ? * 8 *", "day-of-week"),
            ("0 10 ? * 2#6 *", "day-of-week"),
            ("0 10 ? * FRI-MON *", "day-of-week"),
            ("0 10 * * ? 1969", "year"),
            ("0 10 * * ? 2200", "year"),
            ("*/0 10 * * ? *", "minutes"),
            ("0/ 10 * * ? *", "minutes"),
            ("1,,2 10 * * ? *", "minutes"),
            ("? 10 * * ? *", "minutes"),
            ("-1 10 * * ? *", "minutes"),
        ] {
            let error = Cron::parse(cron).unwrap_err();
            assert!(error.contains(part), "{cron}: {error}");
        }
    }
}
