//! What an agreement allows: capabilities one by one, and whose inboxes.
//!
//! It is *conceded* (the real platform, December 2018) that a few partners had read, write and delete capabilities after the user
//! had logged in; a capability granted is not a capability used. So each has a name of its own, and is counted on its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    /// Read inboxes: threads, messages, search, live stream.
    #[serde(rename = "inbox.read")]
    InboxRead,
    /// Send a message in a user's name.
    #[serde(rename = "message.write")]
    MessageWrite,
    /// Delete a user's messages.
    #[serde(rename = "message.delete")]
    MessageDelete,
    /// File the two-weekly report.
    #[serde(rename = "report")]
    Report,
    /// Hand over signals for advertising.
    #[serde(rename = "signals")]
    Signals,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::InboxRead, Self::MessageWrite, Self::MessageDelete, Self::Report, Self::Signals];

    /// As it stands in an agreement.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InboxRead => "inbox.read",
            Self::MessageWrite => "message.write",
            Self::MessageDelete => "message.delete",
            Self::Report => "report",
            Self::Signals => "signals",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| format!("a scope is one of {}", known()))
    }
}

/// Whose inboxes an agreement opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Every user's: the broadest reading of what is *alleged*; the quoted text does not say whether users were asked.
    Whitelisted,
    /// Those of users who connected the partner themselves: as platform and partner describe it. Whoever writes with such a
    /// user never agreed.
    PerLogin,
}

impl Access {
    /// As it stands in an agreement.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whitelisted => "whitelisted",
            Self::PerLogin => "per-login",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Access {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Whitelisted, Self::PerLogin]
            .into_iter()
            .find(|access| access.as_str() == text)
            .ok_or("access is whitelisted or per-login")
    }
}
