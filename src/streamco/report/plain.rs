//! The report for a terminal and for a spreadsheet.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and a formula can ask a server. So such a cell gets an
//! apostrophe in front (OWASP, "CSV Injection"), and is put in quotes when it holds a comma, a quote or a line end (RFC 4180).

use std::fmt::Write;

use super::{Report, Row};
use crate::wire::sanitise;

const HEAD: [&str; 6] = ["day", "interface", "surface", "variant", "sends", "clicks"];

fn cells(row: &Row) -> [String; 6] {
    let Row { day, interface, surface, variant, sends, clicks } = row;
    let (interface, surface, variant) = (interface.clone(), surface.clone(), variant.clone());
    [day.to_string(), interface, surface, variant, sends.to_string(), clicks.to_string()]
}

pub(super) fn table(report: &Report) -> String {
    let total = report.total();
    let mut lines: Vec<[String; 6]> = report.rows.iter().map(cells).collect();
    lines.push(["all", "", "", "", &total.sends.to_string(), &total.clicks.to_string()].map(str::to_owned));
    lines.iter_mut().flatten().for_each(|cell| *cell = sanitise(cell));
    let head = HEAD.map(str::to_owned);
    let width = |n: usize| lines.iter().chain([&head]).map(|line| line[n].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut out = format!("Recommendations of {}, {} (UTC)\n\n", sanitise(&report.partner), report.period);
    for line in [&head].into_iter().chain(&lines) {
        let padded = line
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(n, (cell, width))| if n < 4 { format!("{cell:<width$}") } else { format!("{cell:>width$}") });
        let _into_memory = writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    let _into_memory = writeln!(
        out,
        "\n{} clicks for each hundred sends.",
        total.rate().as_deref().unwrap_or("No").trim_end_matches(" %")
    );
    out
}

pub(super) fn csv(report: &Report) -> String {
    let mut out = HEAD.join(",") + "\n";
    for row in &report.rows {
        out.push_str(&cells(row).map(|cell| field(&cell)).join(","));
        out.push('\n');
    }
    out
}

fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
