//! The guard: one middleware in front of a page, which looks at a request before anything else does.
//!
//! ```text
//! Host    not this machine and port          421   a foreign name that resolves to 127.0.0.1 (DNS rebinding)
//! Origin  another page's                     403   a foreign page that posts, or opens a WebSocket
//! ?token  right: 303 and the cookie          401   wrong
//! Cookie  ours: the page                     401   none, or one of an earlier run
//!         from a link elsewhere: once more   200   asked again from here, where the cookie comes along
//! ```
//!
//! Browsers say where a request comes from: `Origin` on everything but plain reads, `Sec-Fetch-Site` on all. What changes
//! something or stays open (other than GET and HEAD, WebSocket, event stream) must say so; a plain read need not.
//! The cookie is `SameSite=Strict`, but other ports of this machine count as the same site: hence both checks.
//!
//! Limit: cookies know no ports. A browser sends this one to whatever else it visits on 127.0.0.1, and a server there can
//! open the page with it until this run ends.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use crate::wire::Token;

/// What a page may load: its own files and connections, and nothing else whatever is in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// On every answer, refusals included. There is no CORS header: no other page may read anything.
static HEADERS: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Stands before a page that listens on a loopback address. Token and cookie are its own and die with it.
#[derive(Debug, Clone)]
pub struct Guard {
    address: SocketAddr,
    token: Token,
    /// Not the token: an address that was written down or projected is not the key of a browser that is in.
    cookie: Token,
}

/// The address is not of this machine alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} can be reached from other machines, and a page is for this machine alone; use 127.0.0.1:{port}", port = .0.port())]
pub struct NotLoopback(pub SocketAddr);

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    SignIn,
    Again,
    Refuse(StatusCode, &'static str),
}

impl Guard {
    /// A guard for the address that was bound, with a fresh token and cookie.
    ///
    /// # Errors
    /// [`NotLoopback`].
    pub fn new(bound: SocketAddr, rng: &mut impl rand::CryptoRng) -> Result<Self, NotLoopback> {
        if !bound.ip().is_loopback() {
            return Err(NotLoopback(bound));
        }
        Ok(Self { address: bound, token: Token::random(rng), cookie: Token::random(rng) })
    }

    /// The address to open, token included: to be printed once, on standard output, and nowhere else.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token.expose())
    }

    /// Puts the guard before every route, the unknown ones included.
    pub fn protect(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), guard))
    }

    fn judge(&self, request: &Request) -> Verdict {
        let headers = request.headers();
        let Some(host) = self.host(request) else {
            return Verdict::Refuse(
                StatusCode::MISDIRECTED_REQUEST,
                "This page answers only to 127.0.0.1 and localhost. Open the address that the program printed.",
            );
        };
        let foreign = Verdict::Refuse(StatusCode::FORBIDDEN, "Another page asked for this. Only the page itself may.");
        let own = format!("http://{host}");
        let origin = headers.get(header::ORIGIN).map(|origin| origin.as_bytes() == own.as_bytes());
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let reads = matches!(*request.method(), Method::GET | Method::HEAD) && !stays_open(headers);
        let known = origin == Some(true) || site == Some(b"same-origin");
        if origin == Some(false) || !(reads || known) {
            return foreign;
        }
        if let Some(token) = token(request) {
            return if token.hash() == self.token.hash() { Verdict::SignIn } else { stale() };
        }
        // A link on another site may lead to the front door, where the cookie decides; nothing else is linked to.
        if !matches!(site, None | Some(b"same-origin" | b"none")) && request.uri().path() != "/" {
            return foreign;
        }
        match self.has_cookie(headers) {
            true => Verdict::Pass,
            // Who comes in from another page does not bring a strict cookie along; one step further, from here, they do.
            false if !matches!(site, None | Some(b"same-origin" | b"none")) => Verdict::Again,
            false => stale(),
        }
    }

    /// The host a request names, if it is this machine with our port, once, and the same in both places.
    fn host<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next()?.to_str().ok()?;
        let once = hosts.next().is_none();
        let absolute = request.uri().authority().is_none_or(|authority| authority.as_str() == host);
        // Browsers leave the port of plain HTTP away.
        let port = if self.address.port() == 80 { String::new() } else { format!(":{}", self.address.port()) };
        let ours = ["127.0.0.1", "localhost", "[::1]"].into_iter().any(|name| *host == format!("{name}{port}"));
        (once && absolute && (ours || host == self.address.to_string())).then_some(host)
    }

    /// Cookies do not know ports, so the port is in the name: several pages on this machine keep out of each other's way.
    fn cookie_name(&self) -> String {
        format!("blindrelay_{}", self.address.port())
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('=')).any(
            |(name, value)| {
                let value: Option<Token> = value.parse().ok();
                name == self.cookie_name() && value.is_some_and(|value| value.hash() == self.cookie.hash())
            },
        )
    }

    fn sign_in(&self) -> Response {
        let (name, value) = (self.cookie_name(), self.cookie.expose());
        let cookie = format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/");
        (StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)]).into_response()
    }
}

async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.judge(&request) {
        Verdict::Pass => next.run(request).await,
        Verdict::SignIn => guard.sign_in(),
        Verdict::Again => ([(header::REFRESH, "0;url=/")], "One moment.").into_response(),
        Verdict::Refuse(status, why) => refusal(status, why),
    };
    for (name, value) in &HEADERS {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

/// The token in the address, at the front door only.
fn token(request: &Request) -> Option<Token> {
    let front = request.method() == Method::GET && request.uri().path() == "/";
    let query = request.uri().query().filter(|_| front)?;
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    // What is no token at all is a wrong one.
    Some(token.parse().unwrap_or(Token::from_bytes([0; 32])))
}

fn stays_open(headers: &HeaderMap) -> bool {
    let accepts = |kind| headers.get(header::ACCEPT).is_some_and(|accept| accept == kind);
    headers.contains_key(header::UPGRADE) || accepts("text/event-stream")
}

fn stale() -> Verdict {
    Verdict::Refuse(
        StatusCode::UNAUTHORIZED,
        "This address belongs to an earlier run, or lacks its token. Open the address that the program printed.",
    )
}

/// A page without style: it is for people without the cookie, and they get nothing else.
fn refusal(status: StatusCode, why: &'static str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>blindrelay</title><h1>Not this way</h1><p>{why}</p></html>\n"
    );
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

#[cfg(test)]
mod tests;
