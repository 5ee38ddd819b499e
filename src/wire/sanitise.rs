//! Text from somebody else, made safe to show: nothing in it can move the cursor, colour the screen, turn the line
//! around or pile up marks.

use std::fmt::Write;

/// How many combining marks may follow one character.
const MAX_MARKS: usize = 4;

/// The text with every control, escape, bidirectional and invisible character shown as `\u{…}`, line ends as `⏎`, tabs as a
/// space, and at most four combining marks in a row. Everything else, emoji included, stays.
#[must_use]
pub fn sanitise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        match c {
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            _ if is_unsafe(c) => out.extend(c.escape_unicode()),
            _ if marks > MAX_MARKS => {}
            _ => out.push(c),
        }
    }
    out
}

/// The same JSON for a terminal: each of those characters is written as `\uXXXX`. A program reads it back as it was. Takes JSON
/// without spaces between values, as `serde_json` writes it.
#[must_use]
pub fn sanitise_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unsafe(c) {
            let _into_memory = c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"));
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters, line and paragraph separators, bidirectional controls, invisible ones, private use and noncharacters.
fn is_unsafe(c: char) -> bool {
    let joiner = matches!(c, '\u{200d}' | '\u{200c}'); // emoji families and several scripts need these
    !joiner
        && (c.is_control()
            || matches!(c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
            || (c as u32) & 0xfffe == 0xfffe)
}

/// Combining marks, by block: enough to stop a flood, not a full Unicode table.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{6d6}'..='\u{6ed}' | '\u{730}'..='\u{74a}' | '\u{e31}' | '\u{e34}'..='\u{e3a}'
        | '\u{e47}'..='\u{e4e}' | '\u{eb1}'..='\u{ebc}' | '\u{ec8}'..='\u{ecd}' | '\u{f71}'..='\u{f84}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{302a}'..='\u{302f}'
        | '\u{3099}'..='\u{309a}' | '\u{a66f}'..='\u{a67d}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}'
        | '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_peer_writes_reaches_the_terminal_as_a_command() {
        for evil in [
            "\u{1b}[2J",
            "\u{9b}31m",
            "\u{1b}]0;title\u{7}",
            "a\rb",
            "\u{8}\u{8}",
            "\u{202e}txt",
            "\u{2066}x\u{2069}",
            "\u{200b}",
            "\u{feff}",
            "\u{e0041}",
            "a\u{2028}b",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{ad}",
        ] {
            let shown = sanitise(evil);
            assert!(!shown.chars().any(is_unsafe), "{shown:?}");
            assert!(shown.contains("\\u{"), "{shown:?}");
        }
    }

    #[test]
    fn json_for_a_terminal_says_the_same_without_commands() {
        let evil = "\u{9b}31m \u{202e}txt \u{7f} \u{1b}[2J \u{e0041} \"quoted\" \n \u{10ffff} 日本語 👨‍👩‍👧‍👦";
        let plain = serde_json::to_string(evil).unwrap();
        assert!(plain.chars().any(is_unsafe), "the control: serde_json escapes only a few of them");
        let safe = sanitise_json(&plain);
        assert!(!safe.chars().any(is_unsafe), "{safe:?}");
        assert!(safe.contains("\\u009b31m") && safe.contains("\\udb40\\udc41") && safe.contains("日本語 👨‍👩‍👧‍👦"), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), evil);
    }

    #[test]
    fn a_flood_of_combining_marks_is_cut_and_ordinary_text_is_not() {
        let flood = format!("a{}", "\u{301}".repeat(500));
        assert_eq!(sanitise(&flood).chars().count(), 1 + MAX_MARKS);
        for good in ["héllo", "👨‍👩‍👧‍👦 ok", "日本語", "שלום", "e\u{301}", "❤️", "नमस्ते"]
        {
            assert_eq!(sanitise(good), good);
        }
        assert_eq!(sanitise("two\nlines"), "two⏎lines");
    }
}
