//! A recommendation: what somebody would like somebody else to watch, and where in StreamCo's app they said so.
//!
//! It is the disputed feature itself. It is *alleged* that a partner got access to inboxes in connection with it, and *denied*: the
//! platform says that people messaged their friends about what they were watching, directly from the partner's app. Two ways lead
//! from here to Bob. Both send the same words, and both leave the same two events with StreamCo:
//!
//! ```text
//! open    StreamCo ── message.write ──► platform ──► Bob          the platform and StreamCo hold the text
//! sealed  StreamCo ── link ──► Alice's own client ══ blob ══► Bob  StreamCo made the link; nobody else reads it
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::wire::{UserId, sanitise};

/// The longest title, in characters.
const MAX_TITLE: usize = 200;
/// The longest label, in bytes.
const MAX_LABEL: usize = 32;
/// Bytes of randomness in a link.
const LINK: usize = 16;

/// A name that a report counts by: 1 to 32 of `A-Z a-z 0-9 . _ -`, and a letter or digit first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Label(String);

/// The text is not a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an interface, surface, variant or genre is 1 to 32 of A-Z, a-z, 0-9, `.`, _ and -, a letter or digit first; for example post-play"
)]
pub struct BadLabel;

impl Label {
    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = BadLabel;

    fn from_str(text: &str) -> Result<Self, BadLabel> {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let good = (1..=MAX_LABEL).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(inside);
        if good { Ok(Self(text.to_owned())) } else { Err(BadLabel) }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of a film or series: one line of 1 to 200 characters, none of which commands a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Title(String);

/// The text is not a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a title is one line of 1 to 200 characters without control characters; for example --title \"Dark Harbour\"")]
pub struct BadTitle;

impl Title {
    /// The title as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Title {
    type Err = BadTitle;

    fn from_str(text: &str) -> Result<Self, BadTitle> {
        let text = text.trim();
        let good = (1..=MAX_TITLE).contains(&text.chars().count()) && sanitise(text) == text;
        if good { Ok(Self(text.to_owned())) } else { Err(BadTitle) }
    }
}

macro_rules! deserialize_parsed {
    ($($name:ident)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
deserialize_parsed!(Label Title LinkId);

/// What is recommended, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Who recommends: a customer of StreamCo. To whom is not asked: no count needs it.
    pub from: UserId,
    /// What.
    pub title: Title,
    /// On which kind of device the button was: `tv`, `web` or `phone`.
    pub interface: Label,
    /// Where on it: `post-play`, `details`, …
    pub surface: Label,
    /// Which make of the button is tried.
    pub variant: Label,
}

impl Recommendation {
    /// The message, the same in both ways.
    #[must_use]
    pub fn message(&self, link: &str) -> String {
        format!("{} recommends “{}” on StreamCo: {link}", self.from, self.title.as_str())
    }
}

/// Names one link: 22 characters of base64url. Whoever has it can open it, and nobody guesses it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct LinkId(String);

/// The text is not the name of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a link of StreamCo's")]
pub struct BadLink;

impl LinkId {
    /// A fresh one.
    pub fn random(rng: &mut impl rand::CryptoRng) -> Self {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let mut bytes = [0; LINK];
        rng.fill_bytes(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address that goes into the message: StreamCo's app at `app`, `HOST:PORT`.
    #[must_use]
    pub fn url(&self, app: impl fmt::Display) -> String {
        format!("http://{app}/r/{}", self.0)
    }
}

impl FromStr for LinkId {
    type Err = BadLink;

    fn from_str(text: &str) -> Result<Self, BadLink> {
        let good = text.len() == 22 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if good { Ok(Self(text.to_owned())) } else { Err(BadLink) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_titles_cannot_become_formulas_or_commands() {
        for good in ["tv", "post-play", "B", "v1.2_x", "0"] {
            assert!(good.parse::<Label>().is_ok(), "{good}");
        }
        for bad in ["", "=1+1", "+1", "-1", "@x", "a b", "a,b", "<b>", "é", &"x".repeat(33), "a\n"] {
            assert_eq!(bad.parse::<Label>(), Err(BadLabel), "{bad}");
        }
        for good in ["Dark Harbour", "<script>alert(1)</script>", "日本語 🎬", " trimmed "] {
            assert_eq!(good.parse::<Title>().unwrap().as_str(), good.trim());
        }
        for bad in ["", "  ", "a\nb", "\u{1b}[2J", "\u{202e}txt", &"x".repeat(201)] {
            assert_eq!(bad.parse::<Title>(), Err(BadTitle), "{bad:?}");
        }
        assert!(serde_json::from_str::<Label>("\"=1\"").is_err() && serde_json::from_str::<LinkId>("\"x\"").is_err());
    }

    #[test]
    fn links_differ_and_are_read_back() {
        let (one, two) = (LinkId::random(&mut rand::rng()), LinkId::random(&mut rand::rng()));
        assert_ne!(one, two);
        assert_eq!(one.as_str().parse(), Ok(one.clone()));
        assert_eq!(one.url("127.0.0.1:4848"), format!("http://127.0.0.1:4848/r/{}", one.as_str()));
    }
}
