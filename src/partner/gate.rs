//! The gate: who may pass, and that it is written down.
//!
//! Question: what stands between a company and everybody's inbox?
//! In open mode, this file: a token, a scope, a term, a connection, each a row that the platform wrote and may change. Whoever is
//! let in leaves a line in the ledger, because the platform chose to write one.
//!
//! ```text
//! token in the address          400      known, but not this scope    403      too many requests     429
//! none, unknown, run out        401      not this user, or nobody     404
//! ```

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, Uri};

use super::book::{Agreement, Book, Standing};
use super::problem::Problem;
use super::scope::{Access, Scope};
use crate::clock::Clock;
use crate::relay::{Archive, Rate, Rates, Relay, bearer};
use crate::wire::{Token, UserId};

/// What a partner may ask: so many at once, and so many a second after that.
const ALLOWANCE: Rate = Rate { burst: 200, per_second: 50 };

/// The platform's side, over a running relay. Clones share it.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Agreements, ledger, reports, signals.
    pub book: Book,
    /// Everybody's mail, as far as it is kept.
    pub archive: Archive,
    /// The relay's.
    pub clock: Clock,
    pub(super) relay: Relay,
    allowance: Rate,
    rates: Arc<Rates<Asker>>,
}

/// Who asks: partners and users have names from different lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Asker {
    Partner,
    User,
    /// A client that wants a token.
    Client,
}

/// Somebody was let in.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Under this agreement.
    pub agreement: Agreement,
    /// Until then, in milliseconds since 1970.
    pub until: u64,
    /// The token's hash, to see whether it is still good.
    pub(super) token: [u8; 32],
}

impl Grant {
    /// Who it is.
    #[must_use]
    pub fn partner(&self) -> &UserId {
        &self.agreement.partner
    }
}

impl Platform {
    /// Over a running relay.
    #[must_use]
    pub fn new(relay: &Relay, book: Book) -> Self {
        let rates = Arc::default();
        Self { book, archive: relay.archive(), clock: relay.clock(), relay: relay.clone(), allowance: ALLOWANCE, rates }
    }

    /// With another allowance for each partner.
    #[must_use]
    pub fn allowing(self, allowance: Rate) -> Self {
        Self { allowance, ..self }
    }

    /// Whether any agreement is in force.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_force(&self) -> rusqlite::Result<bool> {
        let now = self.clock.now();
        Ok(self.book.agreements(None)?.iter().any(|agreement| agreement.standing(now) == Standing::InForce))
    }

    /// Lets a partner in: token, term, scope, and that it may see this user. The use goes into the ledger.
    ///
    /// # Errors
    /// [`Problem`]; nothing was entered.
    pub async fn admit(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        scope: Scope,
        user: Option<&UserId>,
    ) -> Result<Grant, Problem> {
        let grant = self.permit(headers, uri, scope)?;
        match user {
            Some(user) => self.see(&grant, scope, user).await?,
            None => self.book.used(grant.partner(), scope, None, self.clock.now())?,
        }
        Ok(grant)
    }

    fn permit(&self, headers: &HeaderMap, uri: &Uri, scope: Scope) -> Result<Grant, Problem> {
        let grant = self.recognise(headers, uri)?;
        if !grant.agreement.scopes.contains(&scope) {
            let detail = format!("the agreement does not grant {scope}; the platform decides that");
            return Err(Problem::new(StatusCode::FORBIDDEN, detail).of_kind("insufficient-scope"));
        }
        Ok(grant)
    }

    async fn see(&self, grant: &Grant, scope: Scope, user: &UserId) -> Result<(), Problem> {
        if !self.may_see(&grant.agreement, user).await? {
            return Err(Problem::nobody());
        }
        Ok(self.book.used(grant.partner(), scope, Some(user), self.clock.now())?)
    }

    /// The same with a user's name as it stood in the address. One that nobody can have is nobody's.
    pub(super) async fn admit_to(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        scope: Scope,
        user: &str,
    ) -> Result<(Grant, UserId), Problem> {
        let grant = self.permit(headers, uri, scope)?;
        let user: UserId = user.parse().map_err(|_| Problem::nobody())?;
        self.see(&grant, scope, &user).await?;
        Ok((grant, user))
    }

    /// Whose token it is, whatever it is for. Not entered in the ledger.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn recognise(&self, headers: &HeaderMap, uri: &Uri) -> Result<Grant, Problem> {
        not_in_the_address(uri)?;
        let now = self.clock.now();
        let token = bearer(headers).map(|token| token.hash());
        let known = token.map(|hash| self.book.token(&hash, now).map(|found| found.zip(Some(hash)))).transpose()?;
        let Some(((agreement, until), token)) = known.flatten() else {
            return Err(Problem::token(
                "the token is missing, unknown, run out or revoked; ask for one with the client's secret, and send it in the Authorization header",
            ));
        };
        self.not_too_fast(&agreement.partner, Asker::Partner)?;
        Ok(Grant { agreement, until, token })
    }

    /// 429 for whoever asks too often.
    pub(super) fn not_too_fast(&self, who: &UserId, asker: Asker) -> Result<(), Problem> {
        if self.rates.allow(who, asker, self.allowance, self.clock.now()) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests; wait a second"))
    }

    /// Whether somebody who was let in still would be.
    pub(super) async fn still(&self, grant: &Grant, user: &UserId) -> bool {
        let good = self.book.token(&grant.token, self.clock.now()).is_ok_and(|token| token.is_some());
        good && self.may_see(&grant.agreement, user).await.unwrap_or(false)
    }

    pub(super) async fn may_see(&self, agreement: &Agreement, user: &UserId) -> Result<bool, Problem> {
        // The same two questions whoever it is, so that the time says no more than the answer.
        let connected = self.book.connected(user, &agreement.partner)?.is_some();
        let registered = self.archive.knows(user).await?;
        Ok(registered && (connected || agreement.access == Access::Whitelisted))
    }

    /// Lets the operator in.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn operator(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
        not_in_the_address(uri)?;
        match bearer(headers) {
            Some(token) if self.relay.is_operator(&token) => Ok(()),
            _ => Err(Problem::token("the operator's token is missing or wrong; it goes into the Authorization header")),
        }
    }

    /// Lets a user in, by the token of their mailbox.
    ///
    /// # Errors
    /// [`Problem`]: the same whether there is nobody of that name or the token is another's.
    pub async fn user(&self, headers: &HeaderMap, uri: &Uri, user: &UserId) -> Result<(), Problem> {
        not_in_the_address(uri)?;
        let token: Option<Token> = bearer(headers);
        match token {
            Some(token) if self.archive.owns(user, token.hash()).await? => self.not_too_fast(user, Asker::User),
            _ => Err(Problem::token("this is not the token of that mailbox; it goes into the Authorization header")),
        }
    }
}

/// A token in an address ends up in logs and histories (RFC 6750, "URI Query Parameter"; RFC 9700).
pub(super) fn not_in_the_address(uri: &Uri) -> Result<(), Problem> {
    let names = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split('=').next());
    let secret = |name: &str| matches!(name.to_ascii_lowercase().as_str(), "access_token" | "token" | "client_secret");
    if names.into_iter().any(secret) {
        return Err(Problem::bad("a token does not belong into an address; send it in the Authorization header"));
    }
    Ok(())
}
