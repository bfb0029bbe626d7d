use super::*;

/// Readings every `every` seconds from midnight on, with a fixed seed.
#[track_caller]
fn readings(model: &str, every: f64, count: u32) -> Vec<Option<f64>> {
    let mut model: Model = model.parse().unwrap();
    let mut random = Random::new(7, 0);
    let mut reading = |index| {
        let elapsed = Duration::from_secs_f64(every * f64::from(index));
        let seconds = u32::try_from(elapsed.as_secs() % 86_400).unwrap();
        let time_of_day = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap();
        let at = At {
            elapsed,
            time_of_day,
        };
        model.next(at, &mut random)
    };
    (0..count).map(&mut reading).collect()
}

/// The same, of a sensor that never drops out.
#[track_caller]
fn values(model: &str, every: f64, count: u32) -> Vec<f64> {
    let values = readings(model, every, count).into_iter();
    values.map(|value| value.expect("a value")).collect()
}

#[track_caller]
fn assert_close(value: f64, expected: f64, tolerance: f64) {
    let distance = (value - expected).abs();
    assert!(
        distance <= tolerance,
        "{value} is not {expected} ± {tolerance}"
    );
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sd(values: &[f64]) -> f64 {
    let mean_value = mean(values);
    let squares: Vec<f64> = values.iter().map(|x| (x - mean_value).powi(2)).collect();
    mean(&squares).sqrt()
}

fn share(values: &[f64], is: impl Fn(f64) -> bool) -> f64 {
    let shares: Vec<f64> = values.iter().map(|x| f64::from(u8::from(is(*x)))).collect();
    mean(&shares)
}

#[test]
fn uniform_is_the_same_everywhere_in_its_range() {
    for model in ["uniform", "uniform(25,26)", "uniform(25)", " uniform ( ) "] {
        let values = values(model, 1.0, 10_000);
        assert!(values.iter().all(|x| (25.0..26.0).contains(x)), "{model}");
        // Five times the standard error.
        assert_close(mean(&values), 25.5, 0.0145);
        assert_close(sd(&values), 1.0 / 12.0_f64.sqrt(), 0.01);
        assert_close(share(&values, |x| x < 25.25), 0.25, 0.022);
    }
}

#[test]
fn normal_has_its_mean_and_standard_deviation() {
    let values = values("normal(-10,2)", 1.0, 10_000);
    assert_close(mean(&values), -10.0, 0.1);
    assert_close(sd(&values), 2.0, 0.07);
    assert_close(
        share(&values, |x| (-12.0..-8.0).contains(&x)),
        0.6827,
        0.024,
    );
    assert_close(
        share(&values, |x| (-14.0..-6.0).contains(&x)),
        0.9545,
        0.0105,
    );
}

#[test]
fn a_walk_takes_small_steps_and_stays_inside() {
    let values = values("walk(1,0.5,0,2)", 1.0, 10_000);
    assert_close(values[0], 1.0, 0.0);
    for pair in values.windows(2) {
        assert!((pair[1] - pair[0]).abs() <= 0.5, "{pair:?}");
    }
    assert!(values.iter().all(|x| (0.0..=2.0).contains(x)));
    // It visits both ends, and sticks to neither.
    assert!(share(&values, |x| x < 0.2) > 0.05 && share(&values, |x| x > 1.8) > 0.05);
    assert!(share(&values, |x| x <= 0.0 || x >= 2.0) < 0.001);
}

#[test]
fn a_step_wider_than_its_range_is_no_trouble() {
    let values = values("walk(1,100,0,2)", 1.0, 1000);
    assert!(values.iter().all(|x| (0.0..=2.0).contains(x)));
}

#[test]
fn a_sine_has_its_period_and_amplitude() {
    let values = values("sine(20,5,1h)", 60.0, 121);
    for (minute, expected) in [
        (0, 20.0),
        (15, 25.0),
        (30, 20.0),
        (45, 15.0),
        (60, 20.0),
        (75, 25.0),
    ] {
        assert_close(values[minute], expected, 1e-9);
    }
}

#[test]
fn the_noise_of_a_sine_is_normal() {
    let noisy = values("sine(20,5,1h,0.5)", 1.0, 7200);
    let plain = values("sine(20,5,1h)", 1.0, 7200);
    let difference: Vec<f64> = noisy.iter().zip(&plain).map(|(x, y)| x - y).collect();
    assert_close(mean(&difference), 0.0, 0.03);
    assert_close(sd(&difference), 0.5, 0.025);
}

#[test]
fn a_day_is_coldest_at_five_and_warmest_at_three_in_the_afternoon() {
    let values = values("daily(14,26)", 3600.0, 49);
    for (hour, expected) in [
        (5, 14.0),
        (10, 20.0),
        (15, 26.0),
        (22, 20.0),
        (29, 14.0),
        (39, 26.0),
    ] {
        assert_close(values[hour], expected, 1e-9);
    }
    assert!(values.iter().all(|x| (14.0..=26.0).contains(x)));
    for pair in values.windows(2) {
        assert!((pair[1] - pair[0]).abs() < 2.0, "{pair:?}");
    }
    let noon = self::values("daily(14,26,0,12h)", 3600.0, 24);
    assert_close(noon[2], 14.0, 1e-9);
    assert_close(noon[12], 26.0, 1e-9);
}

#[test]
fn steps_come_in_turn() {
    let values = values("steps(0,80,20,10m)", 300.0, 8);
    assert_eq!(values, [0.0, 0.0, 80.0, 80.0, 20.0, 20.0, 0.0, 0.0]);
}

#[test]
fn constant_and_counter() {
    assert_eq!(values("constant(-5.5)", 1.0, 2), [-5.5, -5.5]);
    assert_eq!(values("counter", 1.0, 3), [0.0, 1.0, 2.0]);
    assert_eq!(values("counter(100,-0.5)", 1.0, 3), [100.0, 99.5, 99.0]);
}

#[test]
fn models_add_up() {
    let sum = values("constant(1)+counter(1,1e+1) + constant(0.5)", 1.0, 3);
    assert_eq!(sum, [2.5, 12.5, 22.5]);
}

#[test]
fn a_clamp_cuts_off_what_was_before_it() {
    let cut = values("counter(-1)+clamp(0,1)+constant(10)", 1.0, 4);
    assert_eq!(cut, [10.0, 10.0, 11.0, 11.0]);
}

#[test]
fn dropouts_come_at_their_rate_and_a_counter_goes_on_meanwhile() {
    let values = readings("counter+dropout(0.2)", 1.0, 10_000);
    let missing = values.iter().filter(|value| value.is_none()).count();
    assert_close(f64::from(u32::try_from(missing).unwrap()), 2000.0, 200.0);
    for (index, value) in (0_u32..).zip(&values) {
        assert!(value.is_none_or(|value| value.to_bits() == f64::from(index).to_bits()));
    }
    assert!(
        readings("uniform+dropout(0)", 1.0, 100)
            .iter()
            .all(Option::is_some)
    );
    assert!(
        readings("uniform+dropout(1)", 1.0, 100)
            .iter()
            .all(Option::is_none)
    );
}

#[test]
fn spikes_come_at_their_rate_in_both_directions() {
    let values = values("constant(20)+spike(0.1,30)", 1.0, 10_000);
    assert!(values.iter().all(|x| [-10.0, 20.0, 50.0].contains(x)));
    assert_close(share(&values, |x| x > 20.0), 0.05, 0.011);
    assert_close(share(&values, |x| x < 20.0), 0.05, 0.011);
}

#[test]
fn a_stuck_sensor_repeats_itself_for_its_time() {
    let values = values("counter+stuck(0.02,10s)", 1.0, 10_000);
    let mut runs = Vec::new();
    for run in values.chunk_by(|x, y| x.to_bits() == y.to_bits()) {
        if run.len() > 1 {
            runs.push(run.len());
        }
    }
    // Ten readings each, but for the last one; one in 50 + 9 readings starts it.
    let whole = &runs[..runs.len() - 1];
    assert!(whole.iter().all(|length| *length == 10), "{whole:?}");
    assert_close(
        f64::from(u32::try_from(runs.len()).unwrap()),
        10_000.0 / 59.0,
        60.0,
    );
    // After the fault it is where it would be without it.
    assert!((values.last().unwrap() - 9999.0).abs() < 11.0);
}

#[test]
fn drift_adds_up_by_the_hour() {
    let values = values("constant(20)+drift(-0.5)", 1800.0, 5);
    assert_eq!(values, [20.0, 19.75, 19.5, 19.25, 19.0]);
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(text.parse::<Model>().unwrap_err(), expected);
}

#[test]
fn a_wrong_model_is_reported_in_a_line() {
    const KNOWN: &str = "(models: uniform, normal, walk, sine, daily, steps, constant, counter; \
                         to add to a model: dropout, spike, stuck, drift, clamp)";
    refused("", &format!("a model is missing {KNOWN}"));
    refused("uniform+", &format!("a model is missing {KNOWN}"));
    refused("sinus(1)", &format!("`sinus` is not a model {KNOWN}"));
    refused(
        "sine(1",
        "the brackets of `sine(1` do not match (a model is NAME(ARGUMENT,…), and `+` joins several)",
    );
    refused(
        "sine(1))",
        "the brackets of `sine(1))` do not match (a model is NAME(ARGUMENT,…), and `+` joins several)",
    );
    refused(
        "dropout(0.1)",
        "`dropout` changes the model before it, and there is none (as in `uniform + dropout(0.1)`)",
    );
    refused(
        "normal(1,2,3)",
        "`normal(1,2,3)`: `3` is an argument too many (the form is normal(MEAN,SD))",
    );
    refused(
        "normal(warm)",
        "`normal(warm)`: MEAN is a number, not `warm` (the form is normal(MEAN,SD))",
    );
    refused(
        "constant(1e999)",
        "`constant(1e999)`: VALUE is a number, not `1e999` (the form is constant(VALUE))",
    );
    refused(
        "normal(1,-2)",
        "`normal(1,-2)`: SD is 0 or more, not -2 (the form is normal(MEAN,SD))",
    );
    refused(
        "uniform+dropout(5)",
        "`dropout(5)`: P is a probability from 0 to 1, not 5 (the form is dropout(P))",
    );
    refused(
        "uniform(2,1)",
        "`uniform(2,1)`: LOW 2 is above HIGH 1 (the form is uniform(LOW,HIGH))",
    );
    refused(
        "walk(5,1,10,20)",
        "`walk(5,1,10,20)`: START 5 is not between MIN 10 and MAX 20 (the form is walk(START,STEP,MIN,MAX))",
    );
    refused(
        "sine(20,5,1w)",
        "`sine(20,5,1w)`: PERIOD is not `1w`: a duration is a positive number of seconds, or one with its unit: 500ms, 2s, 1m, 1h or 1d \
         (the form is sine(MEAN,AMPLITUDE,PERIOD,NOISE))",
    );
    refused(
        "steps(10m)",
        "`steps(10m)`: at least one LEVEL is needed, and then the time of each (the form is steps(LEVEL,LEVEL,…,EVERY))",
    );
    refused(
        "steps(1,2)x",
        "the brackets of `steps(1,2)x` do not match (a model is NAME(ARGUMENT,…), and `+` joins several)",
    );
}

#[test]
fn every_model_and_fault_works_without_arguments() {
    for model in [
        "uniform", "normal", "walk", "sine", "daily", "steps", "constant", "counter",
    ] {
        for fault in ["dropout", "spike", "stuck", "drift", "clamp"] {
            let values = readings(&format!("{model}+{fault}()"), 60.0, 1000);
            assert!(values.iter().flatten().all(|x| x.is_finite()));
            assert!(values.iter().flatten().count() > 900, "{model} + {fault}");
        }
    }
}

#[test]
fn an_empty_argument_has_its_default() {
    assert_eq!(values("normal(,0)", 1.0, 1), [25.0]);
    assert_eq!(values("sine(10,,1h)", 900.0, 2), [10.0, 15.0]);
}

#[test]
fn a_value_stays_within_what_json_can_hold() {
    for model in [
        "counter(1e308,1e308)",
        "counter(-1e308,-1e308)",
        "constant(1e308) + constant(1e308) + constant(-1e308)",
        "constant(1.7e308) + spike(1,1.7e308)",
        "constant(1e308) + drift(1e308)",
        "uniform(-1.7e308,1.7e308)",
        "normal(1.7e308,1.7e308)",
        "sine(1.7e308,1.7e308,4s,1e308)",
        "daily(-1.7e308,1.7e308,1e308)",
        "walk(0,1.7e308)",
    ] {
        let values = values(model, 3_600.0, 100);
        assert!(values.iter().all(|value| value.is_finite()), "{model}");
    }
}
