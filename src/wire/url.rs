//! Where a relay is: `ws://HOST[:PORT]`, nothing else.
//!
//! The mailbox token travels in clear over `ws://`, so beyond this machine it is refused unless the user insists.

use std::{fmt, net::IpAddr, str::FromStr};

/// The port that relays listen on unless told otherwise.
pub const DEFAULT_PORT: u16 = 4747;

/// A relay's address. The default is `ws://127.0.0.1:4747`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayUrl {
    host: String,
    port: u16,
}

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Not of the form.
    #[error("`{0}` is not a relay's address; write ws://HOST or ws://HOST:PORT, for example ws://127.0.0.1:4747")]
    Malformed(String),
    /// TLS is not built in.
    #[error(
        "wss:// needs TLS, which this build does not have; use ws:// on this machine, or a tunnel (ssh -L 4747:127.0.0.1:4747 HOST)"
    )]
    Tls,
    /// Beyond loopback without insisting.
    #[error(
        "{0} is not this machine, and ws:// shows your mailbox token to everybody on the way; use a tunnel (ssh -L 4747:127.0.0.1:4747 HOST), or insist with --plain-transport"
    )]
    NotLoopback(String),
}

impl RelayUrl {
    /// Refuses hosts beyond this machine unless `plain_transport` insists.
    ///
    /// # Errors
    /// [`BadUrl::NotLoopback`].
    pub fn check(self, plain_transport: bool) -> Result<Self, BadUrl> {
        if plain_transport || self.is_loopback() { Ok(self) } else { Err(BadUrl::NotLoopback(self.host)) }
    }

    /// Whether it names this machine for certain: `localhost` or a loopback address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let address = self.host.trim_matches(['[', ']']);
        self.host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// `ws://HOST:PORT` and the path of the WebSocket.
    #[must_use]
    pub fn websocket(&self) -> String {
        format!("{self}{}", super::PATH)
    }

    /// `HOST:PORT`, to connect to.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Default for RelayUrl {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT }
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}:{}", self.host, self.port)
    }
}

impl FromStr for RelayUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        if text.starts_with("wss://") {
            return Err(BadUrl::Tls);
        }
        let malformed = || BadUrl::Malformed(super::sanitise(text));
        let rest = text.strip_prefix("ws://").ok_or_else(malformed)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let colon = rest.rfind(':').filter(|&colon| !rest[colon..].contains(']'));
        let (host, port) = match colon {
            Some(colon) => (&rest[..colon], rest[colon + 1..].parse().map_err(|_| malformed())?),
            None => (rest, DEFAULT_PORT),
        };
        let name = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let good = match v6 {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(name),
        };
        if good { Ok(Self { host: host.to_owned(), port }) } else { Err(malformed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_address_is_read_with_and_without_port() {
        for (text, shown) in [
            ("ws://127.0.0.1:4747", "ws://127.0.0.1:4747"),
            ("ws://localhost", "ws://localhost:4747"),
            ("ws://[::1]:9/", "ws://[::1]:9"),
            ("ws://[::1]", "ws://[::1]:4747"),
        ] {
            let url: RelayUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(url.check(false).is_ok());
        }
    }

    #[test]
    fn other_addresses_are_refused_and_say_what_to_do() {
        for text in ["", "http://x", "ws://", "ws://a b", "ws://x:99999", "ws://x/path", "ws://[::1", "ws://u@h"] {
            assert!(matches!(text.parse::<RelayUrl>(), Err(BadUrl::Malformed(_))), "{text}");
        }
        assert_eq!("wss://x".parse::<RelayUrl>(), Err(BadUrl::Tls));
        let far: RelayUrl = "ws://example.org".parse().unwrap();
        assert!(far.clone().check(true).is_ok());
        assert!(far.check(false).unwrap_err().to_string().contains("--plain-transport"));
    }
}
