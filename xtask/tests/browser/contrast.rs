//! The contrast ratio of WCAG 2.2 between two computed colours.

/// 1 for the same colour, 21 for black on white; text needs 4.5, what surrounds a control 3.
pub(crate) fn ratio(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Relative luminance of `rgb(r, g, b)`.
fn luminance(colour: &str) -> f64 {
    let inner = colour.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')'));
    let parts = inner.unwrap_or_else(|| panic!("{colour} is no opaque colour")).split(", ");
    let linear = parts.map(|part| {
        let part = part.parse::<f64>().unwrap() / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    linear.zip([0.2126, 0.7152, 0.0722]).map(|(part, weight)| part * weight).sum()
}

#[test]
fn black_on_white_is_the_most_there_is() {
    assert!((ratio("rgb(0, 0, 0)", "rgb(255, 255, 255)") - 21.0).abs() < 1e-9);
    assert!((ratio("rgb(119, 119, 119)", "rgb(255, 255, 255)") - 4.48).abs() < 0.01);
}
