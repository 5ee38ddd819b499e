//! A QR code in a terminal: two rows of it in each line of text, a quiet zone around it.
//!
//! Dark squares are drawn as they are on paper: light ground, dark squares, whatever the colours of the terminal, because that is what readers of
//! codes expect. Where there is no room for it, or no terminal, the digits under it have to do.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use rustix::termios::tcgetwinsize;

/// The code as lines for so many columns and rows; none if it does not fit.
fn fitting(text: &str, columns: usize, rows: usize) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let image = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    let (width, height) = (image.lines().next()?.chars().count(), image.lines().count());
    (width <= columns && height <= rows).then_some(image)
}

/// The code for standard output, with room for so many lines of text under it; or what to say instead, line end included.
pub(super) fn for_terminal(text: &str, lines_under: usize) -> Result<String, &'static str> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let dumb = set("TERM").is_none_or(|term| term == "dumb");
    let Some(size) = tcgetwinsize(std::io::stdout()).ok().filter(|_| !dumb) else { return Err("") };
    let rows = usize::from(size.ws_row).saturating_sub(lines_under);
    let image = fitting(text, usize::from(size.ws_col), rows).ok_or("(the terminal is too small for a QR code)\n")?;
    // Light letters on a dark ground draw a light ground; without colours most terminals do so by themselves.
    let (on, off) = if set("NO_COLOR").is_some() { ("", "") } else { ("\x1b[97;40m", "\x1b[0m") };
    Ok(image.lines().map(|line| format!("{on}{line}{off}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_does_not_fit_is_not_drawn_and_one_that_does_is() {
        let text = format!("blindrelay:alice:bob:{}", "0123456789".repeat(6));
        assert_eq!(fitting(&text, 20, 60), None);
        assert_eq!(fitting(&text, 80, 10), None);
        let drawn = fitting(&text, 80, 30).unwrap();
        assert!(drawn.lines().count() <= 30 && drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    }
}
