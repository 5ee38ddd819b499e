//! A session as bytes: a fixed order of fields, padded to a constant length so that the row is overwritten in
//! place and an old key does not survive in a freed page.
//!
//! Every struct is taken apart exhaustively: a new field does not compile until it is decided on here.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use crate::crypto::{Secret, x25519::KeyPair};
use crate::protocol::message::{HeaderKey, MessageKey};
use crate::protocol::params::{MAX_CHAINS, MAX_SKIP_SESSION};
use crate::protocol::ratchet::{ChainKey, PastChain, Ratchet, ReceivingChain, RootKey, SendingChain, SkippedKey};
use crate::protocol::reader::{Malformed, Reader};
use crate::protocol::session::{Session, SessionId};

/// Rows are this long, or twice, four times, … if many messages are missing.
const ROW: usize = 2048;

/// A skipped key takes no more than this.
const SKIPPED: usize = 48;

pub(super) fn encode(session: &Session) -> Zeroizing<Vec<u8>> {
    let Session { id, started, pending, ratchet } = session;
    let Ratchet { dhs, rk, sending, receiving, nhks, nhkr, pn, past } = ratchet;
    // As much as it can become: a vector that grows leaves keys behind where it was.
    let skipped = receiving.iter().map(|chain| chain.skipped.len()).chain(past.iter().map(|chain| chain.skipped.len()));
    let most = 2 * ROW + SKIPPED * skipped.sum::<usize>();
    let mut out = Zeroizing::new(Vec::with_capacity(ROW * most.div_ceil(ROW).next_power_of_two()));
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&id.0);
    out.extend_from_slice(&started.to_be_bytes());
    put_list(&mut out, pending.as_slice(), |out, handshake| put_list(out, handshake, |out, &byte| out.push(byte)));
    for secret in [&dhs.secret(), &rk.0, &nhks.0, &nhkr.0] {
        out.extend_from_slice(secret.expose());
    }
    out.extend_from_slice(&pn.to_be_bytes());
    put_list(&mut out, sending.as_slice(), |out, SendingChain { ck, hk, n }| {
        put_chain(out, ck, hk, *n);
    });
    put_list(&mut out, receiving.as_slice(), |out, ReceivingChain { ck, hk, n, skipped }| {
        put_chain(out, ck, hk, *n);
        put_list(out, skipped, put_skipped);
    });
    put_list(&mut out, past.iter().collect::<Vec<_>>().as_slice(), |out, PastChain { hk, skipped }| {
        out.extend_from_slice(hk.0.expose());
        put_list(out, skipped, put_skipped);
    });
    let length = u32::try_from(out.len() - 4).expect("a session holds at most 2,000 skipped keys");
    out[..4].copy_from_slice(&length.to_be_bytes());
    let row = ROW * out.len().div_ceil(ROW).next_power_of_two();
    out.resize(row, 0);
    out
}

pub(super) fn decode(row: &[u8]) -> Result<Session, Malformed> {
    let mut reader = Reader(row);
    let length = reader.u32()? as usize;
    let mut reader = Reader(reader.take(length)?);
    let reader = &mut reader;
    let id = SessionId(reader.array()?);
    let started = reader.u64()?;
    let pending = list(reader, 1, |reader| {
        let length = reader.u16()?;
        Ok(reader.take(length.into())?.to_vec())
    })?;
    let dhs = KeyPair::from_secret(&secret(reader)?);
    let (rk, nhks, nhkr) = (RootKey(secret(reader)?), HeaderKey(secret(reader)?), HeaderKey(secret(reader)?));
    let pn = reader.u32()?;
    let sending = list(reader, 1, |reader| {
        let (ck, hk, n) = chain(reader)?;
        Ok(SendingChain { ck, hk, n })
    })?;
    let receiving = list(reader, 1, |reader| {
        let (ck, hk, n) = chain(reader)?;
        Ok(ReceivingChain { ck, hk, n, skipped: list(reader, MAX_SKIP_SESSION, skipped)? })
    })?;
    let past = list(reader, MAX_CHAINS, |reader| {
        Ok(PastChain { hk: HeaderKey(secret(reader)?), skipped: list(reader, MAX_SKIP_SESSION, skipped)? })
    })?;
    let ratchet = Ratchet {
        dhs,
        rk,
        sending: sending.into_iter().next(),
        receiving: receiving.into_iter().next(),
        nhks,
        nhkr,
        pn,
        past: VecDeque::from(past),
    };
    if ratchet.sending.is_none() {
        Err(Malformed)
    } else {
        Ok(Session { id, started, pending: pending.into_iter().next(), ratchet })
    }
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    let count = u16::try_from(items.len()).expect("every list is bounded by a constant of the protocol");
    out.extend_from_slice(&count.to_be_bytes());
    for item in items {
        put(out, item);
    }
}

fn list<T>(
    reader: &mut Reader,
    most: usize,
    item: impl Fn(&mut Reader) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = usize::from(reader.u16()?);
    if count > most { Err(Malformed) } else { (0..count).map(|_| item(reader)).collect() }
}

fn put_chain(out: &mut Vec<u8>, ck: &ChainKey, hk: &HeaderKey, n: u32) {
    out.extend_from_slice(ck.0.expose());
    out.extend_from_slice(hk.0.expose());
    out.extend_from_slice(&n.to_be_bytes());
}

fn chain(reader: &mut Reader) -> Result<(ChainKey, HeaderKey, u32), Malformed> {
    Ok((ChainKey(secret(reader)?), HeaderKey(secret(reader)?), reader.u32()?))
}

fn put_skipped(out: &mut Vec<u8>, SkippedKey { n, mk, at }: &SkippedKey) {
    out.extend_from_slice(&n.to_be_bytes());
    out.extend_from_slice(mk.0.expose());
    out.extend_from_slice(&at.to_be_bytes());
}

fn skipped(reader: &mut Reader) -> Result<SkippedKey, Malformed> {
    Ok(SkippedKey { n: reader.u32()?, mk: MessageKey(secret(reader)?), at: reader.u64()? })
}

fn secret(reader: &mut Reader) -> Result<Secret<32>, Malformed> {
    reader.array().map(Secret::new)
}
