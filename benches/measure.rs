//! Of many figures the middle one, and what it should be.
//!
//! Things that are compared take turns, batch by batch, so that a machine that slows down slows all. The first batch of each
//! warms up and does not count.

/// The middle one; not a number if there is none.
pub fn median(figures: Vec<f64>) -> f64 {
    at(figures, 0.5)
}

/// The one that this part of them is below.
pub fn at(mut figures: Vec<f64>, part: f64) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = (figures.len().saturating_sub(1) as f64 * part).round() as usize;
    figures.get(index).copied().unwrap_or(f64::NAN)
}

/// A figure that should be no more than this.
pub fn at_most(figure: f64, bound: f64, unit: &str) -> String {
    verdict(format!("≤ {bound}{unit}"), figure / bound)
}

/// Says of a target whether it was met, else by what factor not. Nothing if there is no figure.
pub fn verdict(target: String, over: f64) -> String {
    match over {
        _ if over.is_nan() => String::new(),
        _ if over <= 1.0 => format!("{target}: met"),
        _ => format!("{target}: MISSED by a factor of {over:.2}"),
    }
}

/// Resident memory of a process in bytes: of this one by the name `self`.
pub fn resident(process: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).map_or(f64::NAN, |kib: f64| kib * 1024.0)
}
