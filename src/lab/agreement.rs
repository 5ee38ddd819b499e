//! The agreement under which the fictional partner reads in the laboratory: whitelisted, every user's inbox.
//!
//! That is the broadest reading of what is *alleged*; the quoted text does not say whether users were asked. It is made as an
//! operator makes it: by asking the running relay, with the operator's token.

use anyhow::{Context, Result};
use axum::http::Method;
use serde_json::{Value, json};

use crate::home::Home;
use crate::http::{self, As, Say};
use crate::partner::Scope;
use crate::streamco::{Credentials, Platform};
use crate::wire::RelayUrl;

/// Makes it, and StreamCo's client under it.
pub(super) async fn make(home: &Home, relay: &RelayUrl) -> Result<Platform> {
    let terms = json!({
        "partner": "streamco", "title": "StreamCo", "scopes": Scope::ALL, "access": "whitelisted", "days": 365,
        "spend_usd_per_year": 0, "disclosed": true,
    });
    let (operator, path) = (home.token("operator")?, "/operator/v1/agreements");
    let (_, answer) =
        http::call(relay, Method::POST, path, As::Bearer(&operator), Say::Json(&terms.to_string())).await?;
    let answer: Value = serde_json::from_slice(&answer).context("the platform's answer cannot be read")?;
    let kept = json!({ "client_id": answer["client_id"], "client_secret": answer["client_secret"] });
    home.keep_credentials(&"streamco".parse()?, &kept.to_string())?;
    partner(home, relay)
}

/// StreamCo's client under the agreement that was made.
pub(super) fn partner(home: &Home, relay: &RelayUrl) -> Result<Platform> {
    Ok(Platform::new(relay.clone(), Credentials::read(&home.streamco_file("credentials"))?))
}
