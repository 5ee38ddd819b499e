//! Keys and trust: who I am, what I have offered, whom I know, which ratchets turn.

use rand::CryptoRng;
use rusqlite::{OptionalExtension, params};
use zeroize::Zeroizing;

use super::rows::{Result, Rows, SCHEMA, signed, unsigned, user};
use super::{VaultError, codec, secret32};
use crate::client::contacts::{Contact, Mode, Numbers};
use crate::crypto::{Secret, kem, x25519::KeyPair};
use crate::protocol::prekeys::{OneTimePreKey, PreKeyStore, SignedPreKey};
use crate::protocol::{IdentityKeyPair, IdentityStatement, SessionId, Sessions};
use crate::wire::{Token, UserId};

impl Rows<'_> {
    pub(super) fn create(
        &self,
        layout: i64,
        mark: i64,
        me: &IdentityKeyPair,
        token: &Token,
        wrapped: Option<&[u8]>,
        rng: &mut impl CryptoRng,
    ) -> Result<()> {
        self.db.execute_batch(SCHEMA)?;
        self.db.pragma_update(None, "user_version", layout)?;
        self.db.pragma_update(None, "application_id", mark)?;
        let [ed25519, x25519] = me.secrets();
        self.put_me("id", me.id().as_str().as_bytes())?;
        self.put_me("clean", &[1])?;
        if let Some(wrapped) = wrapped {
            self.put_me("wrapped key", wrapped)?;
        }
        for (what, secret) in [("ed25519", ed25519.expose()), ("x25519", x25519.expose()), ("token", token.as_bytes())]
        {
            self.put_me(what, &self.cipher.protect(what, secret, rng))?;
        }
        self.put_me("next one-time", &1_u32.to_be_bytes())
    }

    pub(super) fn owner(&self) -> Result<UserId> {
        let id = self.me("id")?.ok_or(VaultError::Row)?;
        std::str::from_utf8(&id).ok().and_then(|id| id.parse().ok()).ok_or(VaultError::Row)
    }

    pub(super) fn wrapped_key(&self) -> Result<Option<Vec<u8>>> {
        self.me("wrapped key")
    }

    pub(super) fn is_clean(&self) -> Result<bool> {
        Ok(self.me("clean")?.is_some_and(|clean| clean == [1]))
    }

    pub(super) fn set_clean(&self, clean: bool) -> Result<()> {
        self.put_me("clean", &[u8::from(clean)])
    }

    /// My identity and the mailbox's token.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn identity(&self) -> Result<(IdentityKeyPair, Token)> {
        let secret = |what| {
            let stored = Zeroizing::new(self.me(what)?.ok_or(VaultError::Row)?);
            secret32(&self.cipher.reveal(what, &stored).map_err(|_| VaultError::Row)?)
        };
        let me = IdentityKeyPair::from_secrets(self.owner()?, &secret("ed25519")?, &secret("x25519")?);
        Ok((me, Token::from_bytes(*secret("token")?.expose())))
    }

    fn me(&self, what: &str) -> Result<Option<Vec<u8>>> {
        let mut query = self.db.prepare_cached("SELECT value FROM me WHERE what = ?1")?;
        Ok(query.query_row([what], |row| row.get(0)).optional()?)
    }

    fn put_me(&self, what: &str, value: &[u8]) -> Result<()> {
        self.db.prepare_cached("INSERT OR REPLACE INTO me VALUES (?1, ?2)")?.execute(params![what, value])?;
        Ok(())
    }

    // ---- prekeys ----

    /// My prekeys' private halves.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn prekeys(&self) -> Result<PreKeyStore> {
        let mut store = PreKeyStore::default();
        let mut query = self.db.prepare_cached("SELECT id, created, secret FROM prekeys ORDER BY id")?;
        let mut found = query.query([])?;
        while let Some(row) = found.next()? {
            let secret = self.reveal("prekey", row, 2)?;
            let (pair, seed) = secret.split_at_checked(32).ok_or(VaultError::Row)?;
            let seed: [u8; 64] = seed.try_into().map_err(|_| VaultError::Row)?;
            store.signed.push(SignedPreKey {
                id: row.get(0)?,
                created: unsigned(row.get(1)?),
                pair: KeyPair::from_secret(&secret32(pair)?),
                kem: kem::DecapsulationKey::from_seed(Secret::new(seed)),
            });
        }
        let mut query = self.db.prepare_cached("SELECT id, secret FROM one_time ORDER BY id")?;
        let mut found = query.query([])?;
        while let Some(row) = found.next()? {
            let secret = self.reveal("one-time", row, 1)?;
            store.one_time.push(OneTimePreKey { id: row.get(0)?, pair: KeyPair::from_secret(&secret32(&secret)?) });
        }
        let next = self.me("next one-time")?.ok_or(VaultError::Row)?;
        store.next_one_time = u32::from_be_bytes(next.try_into().map_err(|_| VaultError::Row)?);
        Ok(store)
    }

    /// Writes the difference: keys that are new, keys that are gone. Ids of first contacts whose prekey is gone go too.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn save_prekeys(&self, store: &PreKeyStore, rng: &mut impl CryptoRng) -> Result<()> {
        self.delete_others("prekeys", store.signed.iter().map(|key| key.id))?;
        self.delete_others("one_time", store.one_time.iter().map(|key| key.id))?;
        self.db.execute("DELETE FROM remembered WHERE prekey NOT IN (SELECT id FROM prekeys)", [])?;
        for key in &store.signed {
            let secret = Zeroizing::new([&key.pair.secret().expose()[..], key.kem.seed().expose()].concat());
            let row = self.cipher.protect("prekey", &secret, rng);
            let mut insert = self.db.prepare_cached("INSERT OR IGNORE INTO prekeys VALUES (?1, ?2, ?3)")?;
            insert.execute(params![key.id, signed(key.created), row.as_slice()])?;
        }
        let last: Option<u32> = self.db.query_row("SELECT max(id) FROM one_time", [], |row| row.get(0))?;
        for key in store.one_time.iter().filter(|key| last.is_none_or(|last| key.id > last)) {
            let row = self.cipher.protect("one-time", key.pair.secret().expose(), rng);
            self.db
                .prepare_cached("INSERT OR IGNORE INTO one_time VALUES (?1, ?2)")?
                .execute(params![key.id, row.as_slice()])?;
        }
        self.put_me("next one-time", &store.next_one_time.to_be_bytes())
    }

    /// A first contact authenticated: its one-time key goes, its session's id stays.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn consume(&self, one_time: Option<u32>, session: &SessionId, prekey: u32) -> Result<()> {
        self.db.prepare_cached("DELETE FROM one_time WHERE id = ?1")?.execute([one_time])?;
        let mut insert = self.db.prepare_cached("INSERT OR IGNORE INTO remembered VALUES (?1, ?2)")?;
        insert.execute(params![session.0, prekey])?;
        Ok(())
    }

    /// Whether a first contact with this id authenticated before.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn remembers(&self, session: &SessionId) -> Result<bool> {
        self.exists("SELECT 1 FROM remembered WHERE session = ?1", session.0)
    }

    fn delete_others(&self, table: &str, keep: impl Iterator<Item = u32>) -> Result<()> {
        let keep: std::collections::HashSet<u32> = keep.collect();
        let mut query = self.db.prepare_cached(&format!("SELECT id FROM {table}"))?;
        let ids = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<u32>>>()?;
        let mut delete = self.db.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?;
        for id in ids.iter().filter(|id| !keep.contains(id)) {
            delete.execute([id])?;
        }
        Ok(())
    }

    // ---- contacts and sessions ----

    /// One contact.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn contact(&self, peer: &UserId) -> Result<Option<Contact>> {
        let mut query = self.db.prepare_cached("SELECT * FROM contacts WHERE peer = ?1")?;
        let mut found = query.query([peer.as_str()])?;
        found.next()?.map(|row| self.read_contact(row)).transpose()
    }

    /// All contacts, by name.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn contacts(&self) -> Result<Vec<Contact>> {
        let mut query = self.db.prepare_cached("SELECT * FROM contacts ORDER BY peer")?;
        let mut found = query.query([])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            all.push(self.read_contact(row)?);
        }
        Ok(all)
    }

    /// Writes a contact.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn save_contact(&self, contact: &Contact) -> Result<()> {
        let Contact { peer, mode, identity, changed, verified, accepted, resetting, sealed, open } = contact;
        let bytes = |identity: &Option<IdentityStatement>| identity.as_ref().map(IdentityStatement::to_bytes);
        let sql = "INSERT OR REPLACE INTO contacts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.db.prepare_cached(sql)?.execute(params![
            peer.as_str(),
            *mode == Mode::Sealed,
            bytes(identity),
            bytes(changed),
            verified,
            accepted,
            resetting
        ])?;
        for (sealed, Numbers { next_out, next_in, missing }) in [(true, sealed), (false, open)] {
            let missing: Vec<u8> = missing.iter().flat_map(|counter| counter.to_be_bytes()).collect();
            let sql = "INSERT OR REPLACE INTO numbers VALUES (?1, ?2, ?3, ?4, ?5)";
            let (next_out, next_in) = (signed(*next_out), signed(*next_in));
            self.db.prepare_cached(sql)?.execute(params![peer.as_str(), sealed, next_out, next_in, missing])?;
        }
        Ok(())
    }

    /// With whom the user wants a new session.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn resetting(&self) -> Result<Vec<UserId>> {
        self.names("SELECT peer FROM contacts WHERE resetting")
    }

    fn read_contact(&self, row: &rusqlite::Row) -> Result<Contact> {
        let identity = |column| -> Result<Option<IdentityStatement>> {
            let bytes: Option<Vec<u8>> = row.get(column)?;
            bytes.map(|bytes| self.verified.read(bytes).map_err(|_| VaultError::Row)).transpose()
        };
        let peer = user(&row.get::<_, String>(0)?)?;
        Ok(Contact {
            mode: if row.get(1)? { Mode::Sealed } else { Mode::Open },
            identity: identity(2)?,
            changed: identity(3)?,
            verified: row.get(4)?,
            accepted: row.get(5)?,
            resetting: row.get(6)?,
            sealed: self.numbers(&peer, true)?,
            open: self.numbers(&peer, false)?,
            peer,
        })
    }

    fn numbers(&self, peer: &UserId, sealed: bool) -> Result<Numbers> {
        let sql = "SELECT next_out, next_in, missing FROM numbers WHERE peer = ?1 AND sealed = ?2";
        let mut query = self.db.prepare_cached(sql)?;
        let numbers = query.query_row(params![peer.as_str(), sealed], |row| {
            let missing: Vec<u8> = row.get(2)?;
            let missing = missing.as_chunks().0.iter().map(|counter| u64::from_be_bytes(*counter)).collect();
            Ok(Numbers { next_out: unsigned(row.get(0)?), next_in: unsigned(row.get(1)?), missing })
        });
        Ok(numbers?)
    }

    /// The sessions with a contact.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn sessions(&self, peer: &UserId) -> Result<Sessions> {
        let mut query = self.db.prepare_cached("SELECT secret FROM sessions WHERE peer = ?1 ORDER BY place")?;
        let mut found = query.query([peer.as_str()])?;
        let mut sessions = Sessions::default();
        while let Some(row) = found.next()? {
            let row = self.reveal("session", row, 0)?;
            sessions.list.push(codec::decode(&row).map_err(|_| VaultError::Row)?);
        }
        Ok(sessions)
    }

    /// Overwrites the sessions with a contact, in place.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn save_sessions(&self, peer: &UserId, sessions: &Sessions, rng: &mut impl CryptoRng) -> Result<()> {
        let sql = "INSERT INTO sessions VALUES (?1, ?2, ?3)
                   ON CONFLICT (peer, place) DO UPDATE SET secret = excluded.secret";
        let mut put = self.db.prepare_cached(sql)?;
        for (place, session) in sessions.list.iter().enumerate() {
            let row = self.cipher.protect("session", &codec::encode(session), rng);
            put.execute(params![peer.as_str(), i64::try_from(place).unwrap_or(i64::MAX), row.as_slice()])?;
        }
        let mut delete = self.db.prepare_cached("DELETE FROM sessions WHERE peer = ?1 AND place >= ?2")?;
        delete.execute(params![peer.as_str(), i64::try_from(sessions.list.len()).unwrap_or(i64::MAX)])?;
        Ok(())
    }
}
