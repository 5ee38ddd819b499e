//! # What every page shares: served on this machine, to the person at this machine, and to nobody else
//!
//! Question: a page on `127.0.0.1` can be asked for by every other page in the same browser. How does it answer only its own?
//! The program prints an address with a random token; whoever opens it gets a cookie, and all else needs that cookie. A request
//! must name this machine as its host and, if it says where it comes from, come from this very page. Nothing a page shows is ever
//! parsed as HTML: pages insert text, and the policy below forbids whatever they do not bring along themselves.
//!
//! ```text
//! program prints  http://127.0.0.1:PORT/?token=…
//! browser         GET /?token=…   → 303 to /, Set-Cookie: blindrelay_PORT=…; HttpOnly; SameSite=Strict
//!                 GET /           → the page            (a stranger's page: no cookie, another Host or Origin → refused)
//! ```
//!
//! Sources: RFC 6265bis, "The SameSite Attribute"; Content Security Policy Level 3; Fetch Metadata Request Headers.

mod guard;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};

pub use guard::{Guard, NotLoopback};

/// What a compiled-in file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page.
    Html,
    /// A style sheet.
    Css,
    /// An ES module.
    Js,
    /// A picture.
    Svg,
}

impl Kind {
    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Css => "text/css; charset=utf-8",
            Self::Js => "text/javascript; charset=utf-8",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// Serves a compiled-in file: `route("/eye.js", asset(Kind::Js, include_str!("eye.js")))`.
pub fn asset<S: Clone + Send + Sync + 'static>(kind: Kind, text: &'static str) -> MethodRouter<S> {
    get(move || async move { ([(header::CONTENT_TYPE, kind.media_type())], text).into_response() })
}

/// What every page brings along: `/style.css` (scale, colours, parts), `/dom.js` (text-only insertion), `/icon.svg`.
pub fn assets() -> Router {
    Router::new()
        .route("/style.css", asset(Kind::Css, include_str!("style.css")))
        .route("/dom.js", asset(Kind::Js, include_str!("dom.js")))
        .route("/icon.svg", asset(Kind::Svg, include_str!("icon.svg")))
}
