//! Sessions: which ratchet a blob belongs to, and which one speaks next.
//!
//! Question: both wrote at once, or one side lost its keys and began anew; who sends where?
//! A contact has at most four sessions, the newest of which sends. A blob is tried on each; the one whose
//! header key opens it is its own, whatever the envelope says. A first contact that no session knows makes a new one.
//! Which one is the newest, its initiator said when it began: so both sides agree, in whatever order the relay delivers.
//!
//! ```text
//! started = now, or 1 ms after the newest session that I know of       newest: the latest start; of two, the smaller id
//! ```
//!
//! The initiator repeats its handshake until it is answered. Existing sessions are tried first, so a repeated handshake
//! finds its session without prekeys that are gone by then. Source: PQXDH rev. 3, "Receiving the initial message";
//! Double Ratchet rev. 4, "Double Ratchet with header encryption".

use std::cmp::Reverse;
use std::fmt;

use rand::CryptoRng;
use zeroize::Zeroizing;

use super::identity::{IdentityKeyPair, IdentityStatement};
use super::message::Blob;
use super::params::{MAX_SESSIONS, PREKEY_FUTURE, PREKEY_REFUSE};
use super::pqxdh::{self, HandshakeRefused};
use super::prekeys::{PreKeyStore, VerifiedBundle};
use super::ratchet::{Ratchet, RatchetError};
use super::reader::Malformed;
use crate::crypto::CryptoError;
use crate::wire::UserId;

/// A session's id: `session_ad`, the 32-byte hash of the public transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 32]);

/// One agreement and the ratchet that grew from it.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: SessionId,
    /// When its initiator began it, in milliseconds since 1970.
    pub(crate) started: u64,
    /// The handshake that every message repeats until the peer has answered.
    pub(crate) pending: Option<Vec<u8>>,
    pub(crate) ratchet: Ratchet,
}

/// All sessions with one contact: the first one sends.
#[derive(Debug, Default)]
pub struct Sessions {
    /// Newest first.
    pub(crate) list: Vec<Session>,
}

/// What decryption needs to know besides the blob.
#[derive(Clone, Copy)]
pub struct Recipient<'a> {
    /// My keys.
    pub me: &'a IdentityKeyPair,
    /// My prekeys' private halves.
    pub prekeys: &'a PreKeyStore,
    /// Who the envelope names: a hint only, the associated data decides.
    pub from: &'a UserId,
    /// The identity on record for that name.
    pub pinned: Option<&'a IdentityStatement>,
    /// Whether a first contact with this id was authenticated before.
    pub remembered: &'a dyn Fn(&SessionId) -> bool,
}

/// A blob that opened.
pub struct Opened {
    /// The padded text (see `content::decode`); wiped when dropped.
    pub text: Zeroizing<Vec<u8>>,
    /// The session it came in.
    pub session: SessionId,
    /// Set if this message made the session: what to record in the same transaction.
    pub first: Option<FirstContact>,
}

/// What a first contact used up, known only after it authenticated.
#[derive(Debug)]
pub struct FirstContact {
    /// Who wrote: to be pinned.
    pub identity: IdentityStatement,
    /// The session's id is remembered until this prekey is deleted.
    pub prekey_id: u32,
    /// This one-time key is deleted now.
    pub one_time_id: Option<u32>,
}

/// Why a blob did not open. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// Not a blob, or none of the keys here opens it.
    #[error("no key here opens it: it is forged, meant for somebody else, or from before this vault")]
    Unreadable,
    /// Genuine header, altered body.
    #[error("it was altered on its way")]
    Tampered,
    /// More messages are missing before it than are bridged: 1,000 in a chain that is known, 25,000 in a new one.
    #[error("it is too far ahead: too many messages before it are missing")]
    TooFarAhead,
    /// Its key was used before: a duplicate if the bytes are the same, else a sign of a copied vault.
    #[error("its key was used already")]
    UsedCounter,
    /// Of a first contact that was read before, whose session is gone.
    #[error("it belongs to a first contact that was read before, and its session is gone")]
    Replayed,
    /// A first contact that is dated more than a day ahead: it would count as the newest for as long.
    #[error("it begins a session in the future: check both clocks")]
    Future,
    /// A first contact to a prekey that no longer exists.
    #[error("it was written to a key that is gone")]
    PrekeyGone,
    /// A first contact, genuine in itself, by another identity than the one on record.
    #[error("it comes from another key than the one on record")]
    IdentityChanged(Box<IdentityStatement>),
}

impl Sessions {
    /// Whether there is a session to send in. One that nobody has answered for 30 days is none any more: the prekey that
    /// it was begun with may be gone.
    #[must_use]
    pub fn can_send(&self, now: u64) -> bool {
        let stands = |newest: &Session| newest.pending.is_none() || now < newest.started.saturating_add(PREKEY_REFUSE);
        self.list.first().is_some_and(stands)
    }

    /// Whether the sending session has been answered: then the peer has it for certain.
    #[must_use]
    pub fn answered(&self) -> bool {
        self.list.first().is_some_and(|session| session.pending.is_none())
    }

    /// Deletes the keys of messages that have been missing for 30 days. A client does so at each start; while it runs,
    /// arriving messages do. True if there were any.
    pub fn forget_old(&mut self, now: u64) -> bool {
        self.list.iter_mut().fold(false, |any, session| session.ratchet.forget_old(now) | any)
    }

    /// Starts a session from a verified bundle; from now on it sends.
    ///
    /// # Errors
    /// [`CryptoError::NonContributory`] if a key of the bundle is of small order.
    pub fn initiate(
        &mut self,
        me: &IdentityKeyPair,
        bundle: &VerifiedBundle,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CryptoError> {
        let after = self.list.first().map_or(0, |newest| newest.started.saturating_add(1));
        let started = bundle.verified.max(after);
        let (handshake, agreement) = pqxdh::initiate(me, bundle, started, rng)?;
        let id = SessionId(agreement.session_ad);
        let ratchet = Ratchet::initiate(agreement, &bundle.prekey, rng)?;
        self.insert(Session { id, started, pending: Some(handshake.to_bytes()), ratchet });
        Ok(())
    }

    /// Seals a padded text in the sending session. None if there is no session.
    pub fn encrypt(&mut self, text: &[u8], rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
        let Session { id, started: _, pending, ratchet } = self.list.first_mut()?;
        ratchet.encrypt(&id.0, pending.as_deref(), text, rng)
    }

    /// Opens a blob, in whichever session is its own, or in a new one.
    ///
    /// # Errors
    /// [`DecryptError`]; then nothing has changed.
    pub fn decrypt(
        &mut self,
        recipient: Recipient,
        blob: &[u8],
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Opened, DecryptError> {
        let blob = Blob::parse(blob).map_err(|Malformed| DecryptError::Unreadable)?;
        for session in &mut self.list {
            match session.ratchet.decrypt(&session.id.0, &blob, now, rng) {
                Ok(text) => {
                    session.pending = None;
                    return Ok(Opened { text: Zeroizing::new(text), session: session.id, first: None });
                }
                Err(RatchetError::NotMine) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.first_contact(recipient, &blob, now, rng)
    }

    fn first_contact(
        &mut self,
        Recipient { me, prekeys, from, pinned, remembered }: Recipient,
        blob: &Blob,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Opened, DecryptError> {
        let handshake = blob.handshake().ok_or(DecryptError::Unreadable)?;
        let handshake = handshake.map_err(|Malformed| DecryptError::Unreadable)?;
        let mine = handshake.identity.x25519() == me.statement().x25519();
        if handshake.identity.id() != from || mine {
            return Err(DecryptError::Unreadable);
        }
        let (agreement, prekey) = pqxdh::respond(me, prekeys, &handshake)?;
        let id = SessionId(agreement.session_ad);
        let mut ratchet = Ratchet::respond(agreement, prekey);
        let text = Zeroizing::new(ratchet.decrypt(&id.0, blob, now, rng)?);

        // It authenticated. A replay or a wrong identity is reported only now, so that garbage cannot raise an alarm.
        if remembered(&id) || self.list.iter().any(|session| session.id == id) {
            return Err(DecryptError::Replayed);
        }
        if handshake.started > now.saturating_add(PREKEY_FUTURE) {
            return Err(DecryptError::Future);
        }
        if pinned.is_some_and(|pinned| *pinned != handshake.identity) {
            return Err(DecryptError::IdentityChanged(Box::new(handshake.identity)));
        }
        let pqxdh::Handshake { identity, started, prekey_id, one_time_id, .. } = handshake;
        self.insert(Session { id, started, pending: None, ratchet });
        Ok(Opened { text, session: id, first: Some(FirstContact { identity, prekey_id, one_time_id }) })
    }

    fn insert(&mut self, session: Session) {
        let newer = |other: &Session| (Reverse(other.started), other.id) < (Reverse(session.started), session.id);
        let place = self.list.partition_point(newer);
        self.list.insert(place, session);
        self.list.truncate(MAX_SESSIONS);
    }
}

impl From<RatchetError> for DecryptError {
    fn from(error: RatchetError) -> Self {
        match error {
            RatchetError::NotMine => Self::Unreadable,
            RatchetError::UsedCounter => Self::UsedCounter,
            RatchetError::TooFarAhead => Self::TooFarAhead,
            RatchetError::Tampered => Self::Tampered,
        }
    }
}

impl From<HandshakeRefused> for DecryptError {
    fn from(refused: HandshakeRefused) -> Self {
        match refused {
            HandshakeRefused::UnknownPrekey => Self::PrekeyGone,
            HandshakeRefused::BadKey => Self::Unreadable,
        }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("session", &self.session).field("first", &self.first).finish_non_exhaustive()
    }
}

impl fmt::Debug for Recipient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").field("from", &self.from).finish_non_exhaustive()
    }
}
