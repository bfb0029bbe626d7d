//! Rates and medians, and whether a goal is met.

use bench::peer::Run;

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn rate(run: Run) -> f64 {
    run.messages as f64 / run.time.as_secs_f64()
}

pub(crate) fn aim(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

pub(crate) fn median<T>(of: &[T], value: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = of.iter().map(value).collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
