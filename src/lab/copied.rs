//! A copy of every key that a device has for one other person at one moment: what a thief takes away.
//!
//! Nothing is asserted here: the copy really tries, with the protocol's own code, and without the scruples that the owner's
//! client has about what it has read before.

use crate::client::messenger::Messenger;
use crate::client::vault::VaultError;
use crate::protocol::session::Recipient;
use crate::protocol::{IdentityKeyPair, IdentityStatement, PreKeyStore, Sessions, content};
use crate::wire::{Content, UserId};

/// The copy.
#[derive(Debug)]
pub(super) struct CopiedKeys {
    pub(super) me: IdentityKeyPair,
    prekeys: PreKeyStore,
    pub(super) sessions: Sessions,
    pinned: Option<IdentityStatement>,
    peer: UserId,
}

impl CopiedKeys {
    /// Copies what the device has for this peer.
    pub(super) fn of(device: &Messenger, peer: &UserId) -> Result<Self, VaultError> {
        let rows = device.rows();
        let (me, _) = rows.identity()?;
        Ok(Self {
            me,
            prekeys: rows.prekeys()?,
            sessions: rows.sessions(peer)?,
            pinned: rows.contact(peer)?.and_then(|contact| contact.identity),
            peer: peer.clone(),
        })
    }

    /// Tries a blob from the peer, as the device itself would at this time.
    pub(super) fn open(&mut self, blob: &[u8], now: u64) -> Option<Content> {
        let Self { me, prekeys, sessions, pinned, peer } = self;
        let recipient = Recipient { me, prekeys, from: peer, pinned: pinned.as_ref(), remembered: &|_| false };
        let opened = sessions.decrypt(recipient, blob, now, &mut rand::rng()).ok()?;
        content::decode(&opened.text).ok()
    }

    /// Tries it as if no session had ever been begun.
    pub(super) fn open_anew(&self, blob: &[u8], now: u64) -> Option<Content> {
        let Self { me, prekeys, pinned, peer, .. } = self;
        let recipient = Recipient { me, prekeys, from: peer, pinned: pinned.as_ref(), remembered: &|_| false };
        let opened = Sessions::default().decrypt(recipient, blob, now, &mut rand::rng()).ok()?;
        content::decode(&opened.text).ok()
    }

    /// Turns the numbers of what was read back, as a thief may: the keys themselves cannot be turned back.
    pub(super) fn rewind(&mut self) {
        for session in &mut self.sessions.list {
            session.ratchet.receiving.iter_mut().for_each(|chain| chain.n = 0);
        }
    }
}
