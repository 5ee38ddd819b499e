//! Agreements, the tokens that are had under them, and who connected which partner.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Book;
use super::ledger::{What, enter};
use crate::partner::scope::{Access, Scope};
use crate::wire::{Token, UserId};

/// How long a token is good for, in milliseconds.
pub(in crate::partner) const TOKEN_LIFE: u64 = 900_000;

/// What an agreement says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The partner's name with the platform.
    #[schema(value_type = String, pattern = "^[a-z0-9_-]{1,32}$")]
    pub partner: UserId,
    /// What users see it called.
    pub title: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Whose inboxes.
    pub access: Access,
    /// How many days it lasts.
    pub days: u32,
    /// What the partner spends on advertising, in US dollars a year.
    pub spend_usd_per_year: u64,
    /// Whether the platform shows it to the users that it concerns.
    pub disclosed: bool,
}

/// One agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agreement {
    /// Its number.
    pub n: i64,
    /// The partner's name with the platform.
    #[schema(value_type = String)]
    pub partner: UserId,
    /// What users see it called.
    pub title: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Whose inboxes.
    pub access: Access,
    /// When it begins, in milliseconds since 1970.
    pub from: u64,
    /// When it ends.
    pub to: u64,
    /// What the partner spends on advertising, in US dollars a year.
    pub spend_usd_per_year: u64,
    /// Whether the platform shows it to the users that it concerns.
    pub disclosed: bool,
    /// When it was revoked.
    pub revoked: Option<u64>,
}

/// How an agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is in force.
    InForce,
    /// Its term is over.
    Over,
    /// The platform ended it.
    Revoked,
}

impl Agreement {
    /// How it stands at a moment.
    #[must_use]
    pub fn standing(&self, now: u64) -> Standing {
        match self.revoked {
            Some(_) => Standing::Revoked,
            None if now < self.to => Standing::InForce,
            None => Standing::Over,
        }
    }
}

const COLUMNS: &str = "n, partner, title, scopes, access, from_at, to_at, spend, disclosed, revoked_at";

fn agreement(row: &Row) -> rusqlite::Result<Agreement> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let text = |column| row.get::<_, String>(column);
    let unreadable =
        |column: usize| rusqlite::Error::InvalidColumnType(column, COLUMNS.to_owned(), rusqlite::types::Type::Text);
    Ok(Agreement {
        n: row.get(0)?,
        partner: text(1)?.parse().map_err(|_| unreadable(1))?,
        title: text(2)?,
        scopes: scopes(&text(3)?),
        access: text(4)?.parse().map_err(|_| unreadable(4))?,
        from: number(5)?,
        to: number(6)?,
        spend_usd_per_year: number(7)?,
        disclosed: row.get(8)?,
        revoked: row.get::<_, Option<i64>>(9)?.map(i64::cast_unsigned),
    })
}

pub(in crate::partner) fn joined(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

fn scopes(text: &str) -> Vec<Scope> {
    text.split(' ').filter_map(|scope| scope.parse().ok()).collect()
}

/// The latest agreement with a partner.
fn latest(db: &Connection, partner: &UserId) -> rusqlite::Result<Option<Agreement>> {
    let sql = format!("SELECT {COLUMNS} FROM agreements WHERE partner = ?1 ORDER BY n DESC LIMIT 1");
    db.prepare_cached(&sql)?.query_row([partner.as_str()], agreement).optional()
}

impl Book {
    /// Makes an agreement; each of its scopes is granted in the ledger. None if one with this partner is in force.
    ///
    /// # Errors
    /// SQLite's.
    pub fn agree(&self, terms: &Terms, secret: &Token, now: u64) -> rusqlite::Result<Option<Agreement>> {
        let mut db = self.db();
        let transaction = db.transaction()?;
        if latest(&transaction, &terms.partner)?.is_some_and(|old| old.standing(now) == Standing::InForce) {
            return Ok(None);
        }
        let mut scopes = terms.scopes.clone();
        scopes.sort_unstable();
        scopes.dedup();
        let to = now.saturating_add(u64::from(terms.days) * 86_400_000);
        let sql =
            "INSERT INTO agreements (partner, title, scopes, access, from_at, to_at, spend, disclosed, secret_hash)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let (from, until, spend) = (now.cast_signed(), to.cast_signed(), terms.spend_usd_per_year.cast_signed());
        let (partner, access) = (terms.partner.as_str(), terms.access.as_str());
        let row =
            params![partner, terms.title, joined(&scopes), access, from, until, spend, terms.disclosed, secret.hash()];
        transaction.execute(sql, row)?;
        for scope in scopes {
            enter(&transaction, &terms.partner, scope, None, What::Granted, now)?;
        }
        let made = latest(&transaction, &terms.partner)?;
        transaction.commit()?;
        Ok(made)
    }

    /// All agreements, or those with one partner, the latest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn agreements(&self, partner: Option<&UserId>) -> rusqlite::Result<Vec<Agreement>> {
        let db = self.db();
        let sql = format!("SELECT {COLUMNS} FROM agreements WHERE ?1 IS NULL OR partner = ?1 ORDER BY n DESC");
        db.prepare_cached(&sql)?.query_map([partner.map(UserId::as_str)], agreement)?.collect()
    }

    /// The agreement with a partner that is in force.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_force(&self, partner: &UserId, now: u64) -> rusqlite::Result<Option<Agreement>> {
        Ok(latest(&self.db(), partner)?.filter(|agreement| agreement.standing(now) == Standing::InForce))
    }

    /// Ends the agreement that is in force: revoked, or as if its term were over. Its tokens go with it. None if there is none.
    ///
    /// # Errors
    /// SQLite's.
    pub fn end(&self, partner: &UserId, revoke: bool, now: u64) -> rusqlite::Result<Option<Agreement>> {
        let mut db = self.db();
        let transaction = db.transaction()?;
        let Some(old) = latest(&transaction, partner)?.filter(|old| old.standing(now) == Standing::InForce) else {
            return Ok(None);
        };
        let column = if revoke { "revoked_at" } else { "to_at" };
        transaction
            .execute(&format!("UPDATE agreements SET {column} = ?2 WHERE n = ?1"), params![old.n, now.cast_signed()])?;
        transaction.execute("DELETE FROM tokens WHERE agreement = ?1", [old.n])?;
        for scope in &old.scopes {
            enter(&transaction, partner, *scope, None, What::Ended, now)?;
        }
        let ended = latest(&transaction, partner)?;
        transaction.commit()?;
        Ok(ended)
    }

    /// A token under the agreement in force, if this is its client's secret. With its scopes.
    ///
    /// # Errors
    /// SQLite's.
    pub fn issue(
        &self,
        partner: &UserId,
        secret: &Token,
        token: &Token,
        now: u64,
    ) -> rusqlite::Result<Option<Vec<Scope>>> {
        let db = self.db();
        let Some(agreement) = latest(&db, partner)?.filter(|agreement| agreement.standing(now) == Standing::InForce)
        else {
            return Ok(None);
        };
        let sql = "SELECT 1 FROM agreements WHERE n = ?1 AND secret_hash = ?2";
        if !db.prepare_cached(sql)?.exists(params![agreement.n, secret.hash()])? {
            return Ok(None);
        }
        db.prepare_cached("DELETE FROM tokens WHERE until <= ?1")?.execute([now.cast_signed()])?;
        let until = now.saturating_add(TOKEN_LIFE).min(agreement.to).cast_signed();
        let row = params![token.hash(), agreement.n, until];
        db.prepare_cached("INSERT INTO tokens VALUES (?1, ?2, ?3)")?.execute(row)?;
        Ok(Some(agreement.scopes))
    }

    /// The agreement and the end of a token that is good now.
    ///
    /// # Errors
    /// SQLite's.
    pub fn token(&self, hash: &[u8; 32], now: u64) -> rusqlite::Result<Option<(Agreement, u64)>> {
        let db = self.db();
        let sql = format!(
            "SELECT {COLUMNS}, t.until FROM tokens t JOIN agreements a ON a.n = t.agreement WHERE t.hash = ?1 AND t.until > ?2"
        );
        let found = db.prepare_cached(&sql)?.query_row(params![hash, now.cast_signed()], |row| {
            Ok((agreement(row)?, row.get::<_, i64>(10)?.cast_unsigned()))
        });
        Ok(found.optional()?.filter(|(agreement, _)| agreement.standing(now) == Standing::InForce))
    }

    /// A user connects a partner, or takes that back. Whether anything changed.
    ///
    /// # Errors
    /// SQLite's.
    pub fn connect(&self, user: &UserId, partner: &UserId, on: bool, now: u64) -> rusqlite::Result<bool> {
        let sql = if on {
            "INSERT OR IGNORE INTO connections VALUES (?1, ?2, ?3)"
        } else {
            "DELETE FROM connections WHERE user = ?1 AND partner = ?2 AND ?3 IS NOT NULL"
        };
        let row = params![user.as_str(), partner.as_str(), now.cast_signed()];
        Ok(self.db().prepare_cached(sql)?.execute(row)? == 1)
    }

    /// Who has connected a partner.
    ///
    /// # Errors
    /// SQLite's.
    pub fn connections(&self, partner: &UserId) -> rusqlite::Result<Vec<String>> {
        let db = self.db();
        let mut query =
            db.prepare_cached("SELECT user FROM connections WHERE partner = ?1 ORDER BY user LIMIT 1000")?;
        query.query_map([partner.as_str()], |row| row.get(0))?.collect()
    }

    /// Since when a user has connected a partner.
    ///
    /// # Errors
    /// SQLite's.
    pub fn connected(&self, user: &UserId, partner: &UserId) -> rusqlite::Result<Option<u64>> {
        let sql = "SELECT since FROM connections WHERE user = ?1 AND partner = ?2";
        let row = [user.as_str(), partner.as_str()];
        self.db()
            .prepare_cached(sql)?
            .query_row(row, |row| row.get::<_, i64>(0))
            .optional()
            .map(|since| since.map(i64::cast_unsigned))
    }
}
