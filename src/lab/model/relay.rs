//! A relay in a few lines: what an honest one must do, and what a liar may do with the mail it holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::wire::{Bytes, ClientFrame, Content, Envelope, ErrorCode, MessageId, Payload, RelayFrame, UserId, Welcome};
use rand::{Rng, RngExt};

/// A relay.
#[derive(Debug, Default)]
pub struct Relay {
    accounts: BTreeMap<UserId, Account>,
    stored: BTreeSet<(UserId, MessageId)>,
    seq: u64,
    /// So many requests are refused for now.
    pub busy: u32,
    /// Mail that is kept back.
    pub held: Vec<Envelope>,
    /// Everything it was ever handed: a liar forgets nothing.
    pub hoard: Vec<Envelope>,
}

#[derive(Debug, Default)]
struct Account {
    identity: Option<Bytes>,
    prekey: Option<Bytes>,
    one_time: VecDeque<Bytes>,
    /// What its owner has not acknowledged, in the order of delivery.
    mail: Vec<Envelope>,
}

impl Relay {
    /// What an honest relay answers.
    pub fn take(&mut self, from: &UserId, frame: ClientFrame, now: u64) -> Option<RelayFrame> {
        match frame {
            ClientFrame::Hello { .. } => {
                let account = self.accounts.entry(from.clone()).or_default();
                Some(RelayFrame::Welcome(Welcome {
                    identity: account.identity.clone(),
                    prekey: account.prekey.clone(),
                    one_time_left: account.one_time.len(),
                    waiting: account.mail.len() as u64,
                }))
            }
            ClientFrame::Publish { identity, prekey, one_time } => {
                let account = self.accounts.get_mut(from)?;
                if account.prekey.as_ref() != Some(&prekey) {
                    account.one_time.clear();
                }
                (account.identity, account.prekey) = (Some(identity), Some(prekey));
                account.one_time.extend(one_time);
                Some(RelayFrame::Published { one_time_left: account.one_time.len() })
            }
            ClientFrame::Fetch { user } => {
                if self.is_busy() {
                    return Some(refusal(ErrorCode::TooFast, None, user));
                }
                let known = self.accounts.get_mut(&user).filter(|account| account.identity.is_some());
                let Some(account) = known else { return Some(refusal(ErrorCode::UnknownUser, None, user)) };
                let (identities, prekey) = (account.identity.iter().cloned().collect(), account.prekey.clone());
                Some(RelayFrame::Keys { user, identities, prekey, one_time: account.one_time.pop_front() })
            }
            ClientFrame::Send { id, to, payload } => {
                if self.is_busy() {
                    return Some(refusal(ErrorCode::MailboxFull, Some(id), to));
                }
                if !self.accounts.contains_key(&to) {
                    return Some(refusal(ErrorCode::UnknownUser, Some(id), to));
                }
                if self.stored.insert((from.clone(), id)) {
                    let envelope = Envelope { seq: 0, id, from: from.clone(), to, at: now, payload };
                    self.hoard.push(envelope.clone());
                    self.post(envelope, usize::MAX);
                }
                Some(RelayFrame::Accepted { id })
            }
            ClientFrame::Ack { seq } => {
                self.accounts.get_mut(from)?.mail.retain(|envelope| envelope.seq != seq);
                None
            }
        }
    }

    /// Mail for a connection that was handed these numbers already.
    pub fn deliver(&self, to: &UserId, handed: &mut BTreeSet<u64>) -> Vec<RelayFrame> {
        let mail = self.accounts.get(to).map_or(&[][..], |account| &account.mail);
        mail.iter().filter(|envelope| handed.insert(envelope.seq)).cloned().map(RelayFrame::Deliver).collect()
    }

    fn is_busy(&mut self) -> bool {
        let busy = self.busy > 0;
        self.busy = self.busy.saturating_sub(1);
        busy
    }

    // ---- what only a liar (or a disaster) does ----

    /// Puts an envelope into a mailbox under a fresh number, at this place or at the end.
    pub fn post(&mut self, mut envelope: Envelope, place: usize) {
        self.seq += 1;
        envelope.seq = self.seq;
        let Some(account) = self.accounts.get_mut(&envelope.to) else { return };
        let place = place.min(account.mail.len());
        account.mail.insert(place, envelope);
    }

    /// Some mailbox that is not empty.
    pub fn some_mail(&mut self, rng: &mut impl Rng) -> Option<&mut Vec<Envelope>> {
        let mut full: Vec<_> = self.accounts.values_mut().map(|account| &mut account.mail).collect();
        full.retain(|mail| !mail.is_empty());
        (!full.is_empty()).then(|| full.swap_remove(rng.random_range(0..full.len())))
    }

    /// Everything that waits for somebody.
    pub fn mail(&self) -> impl Iterator<Item = &Envelope> {
        self.accounts.values().flat_map(|account| &account.mail)
    }

    /// Throws away what waits for this person from that one.
    pub fn drop_all(&mut self, from: &UserId, to: &UserId) -> Vec<Envelope> {
        let Some(account) = self.accounts.get_mut(to) else { return Vec::new() };
        account.mail.extract_if(.., |envelope| envelope.from == *from).collect()
    }

    /// Somebody fetches this person's one-time keys until none is left.
    pub fn drain_one_time(&mut self, user: &UserId) {
        if let Some(account) = self.accounts.get_mut(user) {
            account.one_time.clear();
        }
    }

    /// Disk gone, same address. Its memory of old mail stays with whoever copied it.
    pub fn wipe(&mut self) {
        let hoard = std::mem::take(&mut self.hoard);
        *self = Self { hoard, ..Self::default() };
    }
}

/// The mischief that can be done to one envelope.
pub fn tamper(envelope: &mut Envelope, people: &[UserId], rng: &mut impl Rng) {
    match &mut envelope.payload {
        Payload::Sealed(Bytes(blob)) => match rng.random_range(0..5) {
            0 => blob.truncate(rng.random_range(0..blob.len())),
            1 => blob.push(0),
            2 => envelope.from = people[rng.random_range(0..people.len())].clone(),
            3 => blob[0] ^= 3, // first contact ↔ message
            _ => {
                let bit = rng.random_range(0..8 * blob.len());
                blob[bit / 8] ^= 1 << (bit % 8);
            }
        },
        Payload::Open(Content::Text { text, .. }) => text.push_str(" (so says the relay)"),
        Payload::Open(Content::Receipt { of, .. }) => *of += 1,
    }
}

fn refusal(code: ErrorCode, id: Option<MessageId>, user: UserId) -> RelayFrame {
    RelayFrame::Error { code, detail: format!("{code:?}"), id, user: Some(user) }
}
