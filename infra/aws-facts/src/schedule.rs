//! Schedule expressions of EventBridge Scheduler: `rate(…)`, `cron(…)` and `at(…)`. Source: "Schedule types" of the
//! EventBridge Scheduler user guide. Time zones are the caller's.

mod cron;

pub use self::cron::Cron;

/// AWS: an expression has at most 256 characters.
pub const LONGEST_EXPRESSION: usize = 256;

/// A schedule expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A fixed interval, in minutes.
    Rate(u64),
    /// Minutes of certain days.
    Cron(Box<Cron>),
    /// One moment.
    At(Moment),
}

/// A date and time of day without a time zone. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Year, 1970 to 2199.
    pub year: u16,
    /// Month, from 1.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// A sentence that names the wrong part.
    pub fn parse(text: &str) -> Result<Expression, String> {
        let inner = |kind: &str| text.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(inner) = inner("rate") {
            rate(inner)
        } else if let Some(inner) = inner("cron") {
            Cron::parse(inner).map(|cron| Expression::Cron(Box::new(cron)))
        } else if let Some(inner) = inner("at") {
            at(inner).map(Expression::At).ok_or_else(|| format!("`{inner}` is not a time such as 2026-11-20T13:00:00"))
        } else {
            Err("a schedule expression is rate(…), cron(…) or at(…)".to_owned())
        }
    }
}

fn rate(text: &str) -> Result<Expression, String> {
    let wrong = || format!("`{text}` is not a rate such as `5 minutes`: a whole number, and minutes, hours or days");
    let (count, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let minutes = match unit {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return Err(wrong()),
    };
    let count = number(count).filter(|count| *count > 0).ok_or_else(wrong)?;
    u64::from(count).checked_mul(minutes).map(Expression::Rate).ok_or_else(wrong)
}

/// `yyyy-mm-ddThh:mm:ss`.
fn at(text: &str) -> Option<Moment> {
    let (date, time) = text.split_once('T')?;
    let numbers = |text: &str, mark: char, widths: [usize; 3]| {
        let parts: Vec<&str> = text.split(mark).collect();
        let fits = parts.len() == 3 && parts.iter().zip(widths).all(|(part, width)| part.len() == width);
        let parts: Vec<u32> = parts.into_iter().map(number).collect::<Option<_>>()?;
        fits.then(|| <[u32; 3]>::try_from(parts).ok()).flatten()
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let (year, month, day) = (u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    let is_date = (1970..=2199).contains(&year) && (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
    let small = |value: u32, most: u8| u8::try_from(value).ok().filter(|value| *value <= most);
    let moment =
        Moment { year, month, day, hour: small(hour, 23)?, minute: small(minute, 59)?, second: small(second, 59)? };
    is_date.then_some(moment)
}

/// Digits only: `u32`'s own parser accepts a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Days of a month of the Gregorian calendar.
fn days(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rates_and_moments() {
        for (text, minutes) in
            [("rate(1 minute)", 1), ("rate(5 minutes)", 5), ("rate(1 hours)", 60), ("rate(7 days)", 7 * 24 * 60)]
        {
            assert_eq!(Expression::parse(text), Ok(Expression::Rate(minutes)), "{text}");
        }
        let moment = Moment { year: 2024, month: 2, day: 29, hour: 13, minute: 0, second: 59 };
        assert_eq!(Expression::parse("at(2024-02-29T13:00:59)"), Ok(Expression::At(moment)));
        assert!(matches!(Expression::parse("cron(0 10 * * ? *)"), Ok(Expression::Cron(_))));
    }

    #[test]
    fn rejects_what_is_no_expression() {
        for text in [
            "",
            "5 minutes",
            "rate()",
            "rate(5)",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(+1 minutes)",
            "rate(1.5 hours)",
            "rate(5  minutes)",
            "rate(5 seconds)",
            "rate(5 minutes",
            "Rate(5 minutes)",
            "at(2023-02-29T00:00:00)",
            "at(2026-13-01T00:00:00)",
            "at(2026-01-01T24:00:00)",
            "at(2026-01-01T00:00)",
            "at(2026-1-1T00:00:00)",
            "at(2026-01-01T00:00:00Z)",
            "at(2026-01-01 00:00:00)",
            "at(1969-12-31T23:59:59)",
            "cron(0 10 * * *)",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
