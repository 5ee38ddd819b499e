//! What the browser wants to know of a key besides its name.

/// Keys that move, in the order of their numbers from 33.
const MOVES: [&str; 8] = ["PageUp", "PageDown", "End", "Home", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"];

pub struct Key {
    pub code: String,
    pub number: u32,
    /// What it types.
    pub text: String,
}

impl Key {
    /// A key by its name in events, or a letter.
    pub fn named(name: &str) -> Self {
        let (code, number, text) = match name {
            "Enter" => ("Enter".to_owned(), 13, "\r"),
            "Tab" => ("Tab".to_owned(), 9, ""),
            "Escape" => ("Escape".to_owned(), 27, ""),
            " " => ("Space".to_owned(), 32, " "),
            name if MOVES.contains(&name) => {
                (name.to_owned(), (33..).zip(MOVES).find(|(_, known)| *known == name).unwrap().0, "")
            }
            letter => {
                let upper = letter.to_ascii_uppercase();
                let kind = if upper.bytes().all(|b| b.is_ascii_digit()) { "Digit" } else { "Key" };
                (format!("{kind}{upper}"), u32::from(upper.bytes().next().unwrap()), letter)
            }
        };
        Self { code, number, text: text.to_owned() }
    }
}
