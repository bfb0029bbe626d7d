//! Alerts as they are typed: `[NAME:] FILTER[#METRIC] CONDITION [for DURATION] [clear CONDITION]`.

use std::str::FromStr;
use std::time::Duration;

use iot_cli::parse_duration;
use iot_store::read::SeriesFilter;

use crate::condition::{Comparison, Condition, Operand};
use crate::rule::{Rule, SILENT, SilenceRule, SilentAfter};

/// Why a text is no alert; one line for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(String);

impl RuleError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

const CONDITIONS: &str = "a condition is `> 5`, `>= 5`, `< 5`, `<= 5`, `== 5`, `!= 5`, `outside 2..8`, \
     `inside 2..8`, `rises 5 in 10m`, `falls 5 in 10m`, `stuck 6h` or `rejected`";

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let mut words = Words::new(text)?;
        let first = words.next().ok_or_else(|| {
            RuleError::new("an alert is empty (example: 'freezer: iot/freezer/temp > -10 for 10m')")
        })?;
        let (name, filter) = match first.strip_suffix(':') {
            Some(name) => {
                let name = parse_name(name)?;
                let filter = words.next();
                (
                    Some(name),
                    filter.ok_or_else(|| missing("topic filter", text))?,
                )
            }
            None => (None, first),
        };
        let filter: SeriesFilter = filter.parse().map_err(RuleError)?;
        let condition =
            condition(&mut words).map_err(|error| without_colon(text).unwrap_or(error))?;
        let mut lasting = None;
        let mut clear = None;
        while let Some(word) = words.next() {
            match word.as_str() {
                "for" if lasting.is_none() => lasting = Some(duration(&mut words, "for")?),
                "clear" if clear.is_none() => clear = Some(clear_condition(&mut words)?),
                _ => {
                    return Err(RuleError::new(format!(
                        "`{word}` is unexpected in an alert (after the condition come `for DURATION` and `clear CONDITION`)"
                    )));
                }
            }
        }
        Self::new(name, filter, condition, lasting.unwrap_or_default(), clear)
    }
}

impl Rule {
    /// Returns an alert of these parts; without a name, it is named by its condition.
    ///
    /// # Errors
    /// `rejected` goes with neither a metric nor a condition that ends it.
    pub fn new(
        name: Option<String>,
        filter: SeriesFilter,
        condition: Condition,
        lasting: Duration,
        clear: Option<Condition>,
    ) -> Result<Self, RuleError> {
        if condition == Condition::Rejected && filter.names_metric() {
            return Err(RuleError::new(
                "`rejected` is about whole messages (leave out #METRIC)",
            ));
        }
        if condition == Condition::Rejected && clear.is_some() {
            return Err(RuleError::new(
                "`rejected` takes no `clear`: it is over when a message can be read",
            ));
        }
        let name = name.unwrap_or_else(|| condition.default_name().to_owned());
        Ok(Self {
            name: name.into(),
            filter,
            condition,
            lasting,
            clear,
        })
    }
}

impl FromStr for Condition {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        whole(text, condition)
    }
}

/// Reads a condition that ends an alert.
///
/// # Errors
/// It is none, or needs more than one value.
pub fn parse_clear(text: &str) -> Result<Condition, RuleError> {
    whole(text, clear_condition)
}

fn whole(
    text: &str,
    read: impl FnOnce(&mut Words) -> Result<Condition, RuleError>,
) -> Result<Condition, RuleError> {
    let mut words = Words::new(text)?;
    let condition = read(&mut words)?;
    match words.next() {
        None => Ok(condition),
        Some(word) => Err(RuleError::new(format!(
            "`{word}` is unexpected after the condition `{condition}`"
        ))),
    }
}

impl FromStr for SilenceRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (filter, after) = match text.rsplit_once('=') {
            Some((filter, after)) => {
                let filter = filter.trim().parse().map_err(RuleError)?;
                (Some(filter), after)
            }
            None => (None, text),
        };
        let after = after.trim().parse()?;
        Ok(Self { filter, after })
    }
}

impl FromStr for SilentAfter {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text {
            "auto" => Ok(Self::Learned),
            time => parse_duration(time).map(Self::Time).map_err(|error| {
                let form = "or `auto`, or for some topics FILTER=10m";
                RuleError::new(format!("{error}; {form}"))
            }),
        }
    }
}

/// Returns the error for an alert that is one with a colon behind its first word.
fn without_colon(text: &str) -> Option<RuleError> {
    let text = text.trim();
    let (name, rest) = text.split_once(char::is_whitespace)?;
    let named = format!("{name}: {}", rest.trim_start());
    let is_name = !name.ends_with(':') && named.parse::<Rule>().is_ok();
    is_name.then(|| RuleError::new(format!("a name ends with a colon, as in '{named}'")))
}

/// Reads the name of an alert.
///
/// # Errors
/// It cannot be a level of a topic, or is that of `--silent-after`.
pub fn parse_name(name: &str) -> Result<String, RuleError> {
    if name == SILENT {
        return Err(RuleError::new(
            "the name `silent` belongs to --silent-after (give the alert another name)",
        ));
    }
    if name.is_empty() || name.contains(['/', '+', '#']) || name.chars().any(char::is_control) {
        return Err(RuleError::new(format!(
            "`{name}` is not a name of an alert: it becomes a level of a topic, so it has no `/`, `+` or `#`"
        )));
    }
    Ok(name.to_owned())
}

fn condition(words: &mut Words) -> Result<Condition, RuleError> {
    let word = words
        .next()
        .ok_or_else(|| RuleError::new(format!("an alert needs a condition ({CONDITIONS})")))?;
    if let Some((comparison, rest)) = comparison(&word) {
        let operand = match rest {
            "" => words.next().ok_or_else(|| missing_after(&word))?,
            rest => rest.to_owned(),
        };
        return compare(comparison, &operand);
    }
    match word.as_str() {
        "outside" => range(words, &word).map(|(low, high)| Condition::Outside(low, high)),
        "inside" => range(words, &word).map(|(low, high)| Condition::Inside(low, high)),
        "rises" => amount_in(words, &word).map(|(by, within)| Condition::Rises(by, within)),
        "falls" => amount_in(words, &word).map(|(by, within)| Condition::Falls(by, within)),
        "stuck" => duration(words, "stuck").map(Condition::Stuck),
        "rejected" => Ok(Condition::Rejected),
        _ => Err(RuleError::new(format!(
            "`{word}` is not a condition ({CONDITIONS})"
        ))),
    }
}

fn clear_condition(words: &mut Words) -> Result<Condition, RuleError> {
    match condition(words)? {
        one_value @ (Condition::Compare(..) | Condition::Outside(..) | Condition::Inside(..)) => {
            Ok(one_value)
        }
        other => Err(RuleError::new(format!(
            "`clear {other}` is not possible: `clear` takes a comparison, `inside` or `outside`"
        ))),
    }
}

fn comparison(word: &str) -> Option<(Comparison, &str)> {
    const COMPARISONS: [(&str, Comparison); 7] = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        (">", Comparison::Above),
        ("<", Comparison::Below),
        ("=", Comparison::Equal),
    ];
    COMPARISONS
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, word.strip_prefix(sign)?)))
}

fn compare(comparison: Comparison, operand: &str) -> Result<Condition, RuleError> {
    if let Some(number) = finite(operand) {
        return Ok(Condition::Compare(comparison, Operand::Number(number)));
    }
    let truth = match operand {
        "true" => Some(1.0),
        "false" => Some(0.0),
        _ => None,
    };
    match (comparison, truth) {
        (Comparison::Equal | Comparison::NotEqual, Some(number)) => {
            Ok(Condition::Compare(comparison, Operand::Number(number)))
        }
        (Comparison::Equal | Comparison::NotEqual, None) => Ok(Condition::Compare(
            comparison,
            Operand::Text(operand.to_owned()),
        )),
        _ => Err(RuleError::new(format!(
            "`{operand}` is not a number (text can only be compared with == and !=)"
        ))),
    }
}

fn range(words: &mut Words, keyword: &str) -> Result<(f64, f64), RuleError> {
    let word = words.next().ok_or_else(|| missing_after(keyword))?;
    let bounds = word
        .split_once("..")
        .and_then(|(low, high)| Some((finite(low)?, finite(high)?)));
    match bounds {
        Some((low, high)) if low <= high => Ok((low, high)),
        Some(_) => Err(RuleError::new(format!(
            "`{word}` begins above its end (write LOW..HIGH)"
        ))),
        None => Err(RuleError::new(format!(
            "`{word}` is not a range (write LOW..HIGH, such as -5..8.5)"
        ))),
    }
}

fn amount_in(words: &mut Words, keyword: &str) -> Result<(f64, Duration), RuleError> {
    let word = words.next().ok_or_else(|| missing_after(keyword))?;
    let by = finite(&word).filter(|by| *by > 0.0).ok_or_else(|| {
        RuleError::new(format!(
            "`{keyword} {word}` is not an amount (write a number above 0)"
        ))
    })?;
    match words.next().as_deref() {
        Some("in") => Ok((by, duration(words, "in")?)),
        _ => Err(RuleError::new(format!(
            "`{keyword} {word}` needs a time (example: `{keyword} {word} in 10m`)"
        ))),
    }
}

fn duration(words: &mut Words, keyword: &str) -> Result<Duration, RuleError> {
    let word = words.next().ok_or_else(|| missing_after(keyword))?;
    parse_duration(&word).map_err(|error| RuleError::new(format!("`{keyword} {word}`: {error}")))
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn missing(what: &str, text: &str) -> RuleError {
    RuleError::new(format!("the {what} is missing in alert `{text}`"))
}

fn missing_after(keyword: &str) -> RuleError {
    RuleError::new(format!(
        "something is missing after `{keyword}` ({CONDITIONS})"
    ))
}

/// The words of an alert. Double quotes keep white space within a word.
struct Words(std::vec::IntoIter<String>);

impl Words {
    fn new(text: &str) -> Result<Self, RuleError> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quoted = false;
        for c in text.chars() {
            match c {
                '"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                c if c.is_whitespace() && !quoted => words.extend(word.take()),
                c => word.get_or_insert_default().push(c),
            }
        }
        if quoted {
            return Err(RuleError::new(format!(
                "a quote in alert `{text}` is never closed"
            )));
        }
        words.extend(word);
        Ok(Self(words.into_iter()))
    }

    fn next(&mut self) -> Option<String> {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        text.parse().unwrap()
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = text.parse::<Rule>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn a_whole_alert_has_name_filter_condition_time_and_end() {
        let rule = rule("freezer: iot/freezer/temp > -10 for 10m clear < -15");
        assert_eq!(&*rule.name, "freezer");
        assert_eq!(rule.filter.to_string(), "iot/freezer/temp");
        assert_eq!(rule.condition.to_string(), "> -10");
        assert_eq!(rule.lasting, Duration::from_mins(10));
        assert_eq!(rule.clear.unwrap().to_string(), "< -15");
    }

    #[test]
    fn a_metric_may_follow_the_filter() {
        for filter in ["a/b#temp", "a/#", "a/##ENERGY.Power", "#", "+/x#a"] {
            let rule = rule(&format!("{filter} > 1"));
            assert_eq!(rule.filter.to_string(), filter);
        }
    }

    #[test]
    fn each_condition_is_written_as_it_is_read() {
        for condition in [
            "> 5",
            ">= 5.5",
            "< -5",
            "<= 0",
            "== 1",
            "!= 2",
            "== open",
            "outside -2..8.5",
            "inside 0..1",
            "rises 5 in 10m",
            "falls 0.5 in 90s",
            "stuck 6h",
            "rejected",
        ] {
            assert_eq!(
                rule(&format!("a {condition}")).condition.to_string(),
                condition
            );
        }
        assert_eq!(rule("a >5").condition.to_string(), "> 5");
        assert_eq!(rule("a = true").condition.to_string(), "== 1");
        let quoted = rule("\"living room/door\" == \"half open\" for 1h");
        assert_eq!(quoted.filter.to_string(), "living room/door");
        assert_eq!(quoted.condition.to_string(), "== half open");
        assert_eq!(&*quoted.name, "equal");
    }

    #[test]
    fn a_faulty_alert_is_refused_in_one_line_that_helps() {
        refused("", "an alert is empty");
        refused("a", "needs a condition");
        refused("a >", "missing after `>`");
        refused("a > warm", "`warm` is not a number");
        refused("a > NaN", "`NaN` is not a number");
        refused("a hot", "`hot` is not a condition");
        refused("a outside 8..2", "begins above its end");
        refused("a outside 8", "LOW..HIGH");
        refused("a rises 5", "rises 5 in 10m");
        refused("a rises -5 in 1m", "above 0");
        refused("a > 1 for", "missing after `for`");
        refused("a > 1 for ever", "`for ever`");
        refused("a > 1 for 1m for 2m", "`for` is unexpected");
        refused("a > 1 clear stuck 1h", "`clear stuck 1h`");
        refused("a/#/b > 1", "must be the last");
        refused("silent: a > 1", "--silent-after");
        refused("x/y: a > 1", "not a name of an alert");
        refused("a#m rejected", "leave out #METRIC");
        refused("a rejected clear < 1", "takes no `clear`");
        refused("\"a > 1", "never closed");
        refused("freezer a/b > 3", "as in 'freezer: a/b > 3'");
    }

    #[test]
    fn silence_is_a_time_or_learned_for_all_or_some_topics() {
        let rule: SilenceRule = "10m".parse().unwrap();
        assert_eq!(
            (rule.filter, rule.after),
            (None, SilentAfter::Time(Duration::from_mins(10)))
        );
        let rule: SilenceRule = "iot/+/temp=auto".parse().unwrap();
        assert_eq!(rule.filter.unwrap().to_string(), "iot/+/temp");
        assert_eq!(rule.after, SilentAfter::Learned);
        let error = "soon".parse::<SilenceRule>().unwrap_err().to_string();
        assert!(error.contains("or `auto`"), "{error}");
    }
}
