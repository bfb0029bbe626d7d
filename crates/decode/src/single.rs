//! Numbers of single precision.

/// Returns the double with the shortest digits that mean the same float: 20.1, not
/// 20.100000381469727. That is what the device would print.
pub(crate) fn widened(number: f32) -> f64 {
    let exact = f64::from(number);
    if exact.fract() == 0.0 || !exact.is_finite() {
        return exact;
    }
    number.to_string().parse().unwrap_or(exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_keeps_its_digits() {
        for (number, expected) in [
            (20.1, 20.1),
            (-0.3, -0.3),
            (1e-40, 1e-40),
            (16_777_216.0, 16_777_216.0),
        ] {
            assert_eq!(widened(number).to_bits(), f64::to_bits(expected));
        }
        assert!(widened(f32::NAN).is_nan());
    }
}
