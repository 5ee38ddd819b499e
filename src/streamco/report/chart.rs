//! Charts as SVG: drawn from numbers, with no script and no library.
//!
//! A chart is a picture with words for whoever does not see it (`title`, `desc`), and its numbers stand in the table below it. Two
//! drawings of the days are in the page, one for wide windows and one for narrow ones, so that letters keep their size.
//!
//! ```text
//! height of a bar = count × height of the chart / top     top: the highest mark, 1, 2 or 5 times a power of ten apart
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::day::Day;
use super::Counts;
use super::html::{escape, short, thousands};

/// The most bars of a breakdown.
const MOST: usize = 8;

/// How large the days are drawn, in units that are pixels where the page has room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) class: &'static str,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// For a window of 1280 pixels.
pub(super) const WIDE: Size = Size { class: "wide", width: 1120.0, height: 250.0 };
/// For a phone.
pub(super) const NARROW: Size = Size { class: "narrow", width: 340.0, height: 230.0 };

/// The marks of an axis up to at least `most`: at most five steps, each 1, 2 or 5 times a power of ten.
fn marks(most: u64) -> Vec<u64> {
    let mut steps = (0..19).flat_map(|power| [1, 2, 5].map(|factor| factor * 10_u64.pow(power)));
    let step = steps.find(|step| most.div_ceil(*step) <= 5).unwrap_or(u64::MAX);
    (0..=most.div_ceil(step).max(1)).map(|n| n.saturating_mul(step)).collect()
}

/// Pixels for a count. Counts beyond 2^53 are drawn a hair too low or high.
#[allow(clippy::cast_precision_loss)]
fn scaled(count: u64, top: u64, length: f64) -> f64 {
    count as f64 * length / top.max(1) as f64
}

#[allow(clippy::cast_precision_loss)]
fn float(n: usize) -> f64 {
    n as f64
}

/// Sends and clicks, a pair of bars a day.
pub(super) fn days(days: &BTreeMap<Day, Counts>, size: Size) -> String {
    let Size { class, width, height } = size;
    let (left, bottom, top_edge) = (44.0, 28.0, 24.0);
    let (plot_width, plot_height) = (width - left - 4.0, height - bottom - top_edge);
    let marks = marks(days.values().map(|counts| counts.sends.max(counts.clicks)).max().unwrap_or(0));
    let top = marks.last().copied().unwrap_or(1);
    let base = top_edge + plot_height;
    let mut svg = format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"days-{class}-t days-{class}-d\">\
         <title id=\"days-{class}-t\">Sends and clicks for each day</title><desc id=\"days-{class}-d\">{}</desc>\n",
        escape(&described(days))
    );
    for mark in &marks {
        let y = base - scaled(*mark, top, plot_height);
        let kind = if *mark == 0 { "axis" } else { "grid" };
        let label = short(*mark);
        let _into_memory = writeln!(
            svg,
            "<line class=\"{kind}\" x1=\"{left}\" x2=\"{width}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"mark\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
            left - 8.0,
            y + 4.5
        );
    }
    let slot = plot_width / float(days.len().max(1));
    let bar = (slot * 0.36).min(30.0);
    // A date takes some 46 units, a day of the month alone some 22.
    let every = days_between_labels(slot);
    for (n, (day, counts)) in days.iter().enumerate() {
        let middle = left + slot * (float(n) + 0.5);
        let gap = (slot * 0.02).min(1.5);
        for (class, count, x) in [("sends", counts.sends, middle - bar - gap), ("clicks", counts.clicks, middle + gap)]
        {
            let bar_height = scaled(count, top, plot_height);
            let (y, round) = (base - bar_height, (bar / 5.0).min(3.0));
            if count > 0 {
                let _into_memory = writeln!(
                    svg,
                    "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{bar:.1}\" height=\"{bar_height:.1}\" rx=\"{round:.1}\">\
                     <title>{day}: {} {class}</title></rect>",
                    thousands(count)
                );
                if bar >= 24.0 {
                    let centre = x + bar / 2.0;
                    let _into_memory = writeln!(
                        svg,
                        "<text class=\"value\" x=\"{centre:.1}\" y=\"{:.1}\">{}</text>",
                        y - 5.0,
                        short(count)
                    );
                }
            }
        }
        if n % every == 0 {
            let (_, month, of_month) = day.date();
            let text = if n == 0 || of_month == 1 || slot * float(every) > 58.0 {
                format!("{of_month} {}", MONTHS[usize::try_from(month - 1).unwrap_or(0) % 12])
            } else {
                of_month.to_string()
            };
            let _into_memory =
                writeln!(svg, "<text class=\"day\" x=\"{middle:.1}\" y=\"{:.1}\">{text}</text>", base + 20.0);
        }
    }
    svg + "</svg>\n"
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Every how many days there is room for a label.
fn days_between_labels(slot: f64) -> usize {
    [1, 2, 7, 14, 28, 56].into_iter().find(|every| slot * float(*every) >= 36.0).unwrap_or(92)
}

fn described(days: &BTreeMap<Day, Counts>) -> String {
    let most = days.iter().max_by_key(|(_, counts)| counts.sends);
    match most {
        Some((day, counts)) if counts.sends > 0 => format!(
            "A pair of bars for each of {} days. Most recommendations were sent on {day}: {}, with {} clicks on that day.",
            days.len(),
            thousands(counts.sends),
            thousands(counts.clicks)
        ),
        _ => format!("Nothing was sent on any of {} days.", days.len()),
    }
}

/// Sends and clicks by one label, a pair of lying bars each.
pub(super) fn breakdown(what: &str, parts: &[(&str, Counts)]) -> String {
    let (width, row) = (340.0, 58.0);
    let shown = &parts[..parts.len().min(MOST)];
    let height = row * float(shown.len()) + 4.0;
    let most = shown.iter().map(|(_, counts)| counts.sends.max(counts.clicks)).max().unwrap_or(0);
    let described: Vec<String> = shown
        .iter()
        .map(|(label, counts)| {
            format!("{label}: {} sends, {} clicks", thousands(counts.sends), thousands(counts.clicks))
        })
        .collect();
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"by-{what}-t by-{what}-d\">\
         <title id=\"by-{what}-t\">Sends and clicks by {what}</title><desc id=\"by-{what}-d\">{}</desc>\n",
        escape(&described.join("; "))
    );
    for (n, (label, counts)) in shown.iter().enumerate() {
        let y = row * float(n);
        let rate = counts.rate().map(|rate| format!("{rate} clicked")).unwrap_or_default();
        let _into_memory = writeln!(
            svg,
            "<text class=\"label\" x=\"0\" y=\"{:.1}\">{}</text><text class=\"rate\" x=\"{width}\" y=\"{:.1}\">{rate}</text>",
            y + 15.0,
            escape(label),
            y + 15.0
        );
        for (class, count, y) in [("sends", counts.sends, y + 22.0), ("clicks", counts.clicks, y + 37.0)] {
            let length = scaled(count, most, width - 64.0).max(if count > 0 { 1.5 } else { 0.0 });
            let _into_memory = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"0\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"12\" rx=\"2\"/>\
                 <text class=\"count\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                length + 8.0,
                y + 11.0,
                thousands(count)
            );
        }
    }
    svg.push_str("</svg>\n");
    if parts.len() > MOST {
        let _into_memory = writeln!(svg, "<p class=\"quiet\">and {} more, in the table</p>", parts.len() - MOST);
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_few_round_marks_and_holds_the_highest_bar() {
        assert_eq!(marks(0), [0, 1]);
        assert_eq!(marks(3), [0, 1, 2, 3]);
        assert_eq!(marks(7), [0, 2, 4, 6, 8]);
        assert_eq!(marks(23), [0, 5, 10, 15, 20, 25]);
        assert_eq!(marks(1_000), [0, 200, 400, 600, 800, 1_000]);
        for most in (0..5_000).chain([u64::from(u32::MAX), 10_u64.pow(15)]) {
            let marks = marks(most);
            assert!((2..=6).contains(&marks.len()) && marks.last() >= Some(&most), "{most}: {marks:?}");
        }
    }

    #[test]
    fn bars_are_as_long_as_their_counts() {
        assert!((scaled(5, 10, 200.0) - 100.0).abs() < 1e-9);
        let svg = breakdown("variant", &[("A", Counts { sends: 10, clicks: 5 })]);
        assert!(svg.contains("width=\"276.0\"") && svg.contains("width=\"138.0\""), "{svg}");
        assert!(svg.contains("50.0 % clicked"), "{svg}");
    }
}
