//! The safety number as a QR code: a square of dark and light modules, which the page draws.
//!
//! The text in it is [`Messenger::card`](crate::client::messenger::Messenger::card), the same at both ends and the same that
//! `blindrelay verify` draws in a terminal. The page gets modules, not a picture: it inserts no markup of anybody's.

use qrcode::{Color, EcLevel, QrCode};

/// A code and the text that it was made of: making it is slow enough to be done only when the text changes.
#[derive(Debug, Default)]
pub(super) struct Code {
    text: String,
    rows: Vec<String>,
}

impl Code {
    /// The rows of the code for this text, from the top: 1 is dark. Empty if no code holds so much.
    pub(super) fn of(&mut self, text: &str) -> &[String] {
        if self.text != text {
            text.clone_into(&mut self.text);
            self.rows =
                QrCode::with_error_correction_level(text, EcLevel::L).map_or_else(|_| Vec::new(), |code| rows(&code));
        }
        &self.rows
    }
}

fn rows(code: &QrCode) -> Vec<String> {
    let colours = code.to_colors();
    let row = |row: &[Color]| row.iter().map(|module| module.select('1', '0')).collect();
    colours.chunks(code.width()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_another_text_is_another_code() {
        let mut code = Code::default();
        let first = code.of("blindrelay:alice:bob:1").to_vec();
        assert!(first.len() >= 21 && first.iter().all(|row| row.len() == first.len()));
        assert_eq!(code.of("blindrelay:alice:bob:1"), first);
        assert_ne!(code.of("blindrelay:alice:bob:2"), first);
        assert!(first[0].starts_with("1111111") && first[1].starts_with("1000001"), "its corner");
        assert_eq!(code.of(&"x".repeat(5_000)).len(), 0);
    }
}
