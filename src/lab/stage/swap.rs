//! A swapped key: what a relay's operator does who wants to stand between two people.
//!
//! The relay hands out published keys. So its operator makes an identity of their own under Bob's name, signs prekeys with it, and
//! writes both over Bob's in the relay's database: two rows. Everything after that is up to the devices: this file only lies.

use anyhow::{Result, ensure};
use rusqlite::{Connection, params};

use crate::home::Home;
use crate::protocol::{IdentityKeyPair, PreKeyStore};
use crate::wire::UserId;

/// Replaces what the relay hands out as `user`'s keys.
pub(super) fn swap(home: &Home, user: &UserId, now: u64) -> Result<()> {
    let mut rng = rand::rng();
    let mallory = IdentityKeyPair::generate(user.clone(), &mut rng);
    let mut prekeys = PreKeyStore::default();
    prekeys.renew(now, &mut rng);
    let prekey = prekeys.newest().map(|key| key.statement(&mallory));
    let db = Connection::open(home.relay_file("relay.db"))?;
    let sql = "UPDATE users SET identity = ?2, prekey = ?3 WHERE name = ?1";
    let rows = db.execute(sql, params![user.as_str(), mallory.statement().to_bytes(), prekey])?;
    ensure!(rows == 1, "{user} is not registered at the relay yet; try again in a moment");
    db.execute("DELETE FROM one_time WHERE user = (SELECT n FROM users WHERE name = ?1)", [user.as_str()])?;
    Ok(())
}
