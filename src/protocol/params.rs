//! Every label and constant of the protocol, in one table.
//!
//! A label says what a derived key or a signature is for, so that none can serve two purposes.

/// PQXDH: the suite's name, first part of the key derivation's info.
pub const SUITE: &str = "blindrelay/1 PQXDH X25519 HKDF-SHA256 ML-KEM-768 ChaCha20-Poly1305";
/// Signature over an identity statement.
pub const IDENTITY: &str = "blindrelay/1 identity";
/// Signature over a prekey statement.
pub const PREKEY: &str = "blindrelay/1 prekey";
/// Hash of everything that both sides agreed on: the session's id and associated data.
pub const SESSION: &str = "blindrelay/1 session";
/// Root key step: root key, chain key, next header key.
pub const RATCHET: &str = "blindrelay/1 ratchet";
/// Key and nonce of an encrypted header.
pub const HEADER: &str = "blindrelay/1 header";
/// Key, nonce and commitment of a message.
pub const MESSAGE: &str = "blindrelay/1 message";
/// Hash behind the safety number.
pub const SAFETY_NUMBER: &str = "blindrelay/1 safety number";

/// Type byte of an Ed25519 identity key.
pub const TYPE_IDENTITY_ED25519: u8 = 0x01;
/// Type byte of an X25519 identity key.
pub const TYPE_IDENTITY_X25519: u8 = 0x02;
/// Type byte of a signed X25519 prekey.
pub const TYPE_SIGNED_PREKEY: u8 = 0x03;
/// Type byte of a one-time X25519 prekey.
pub const TYPE_ONE_TIME_PREKEY: u8 = 0x04;
/// Type byte of an ML-KEM-768 encapsulation key.
pub const TYPE_KEM: u8 = 0x05;
/// Type byte of an ephemeral X25519 key in a handshake.
pub const TYPE_EPHEMERAL: u8 = 0x06;
/// Type byte of a ratchet key in a header.
pub const TYPE_RATCHET: u8 = 0x07;

/// First byte of a blob that carries a handshake.
pub const KIND_FIRST: u8 = 0x01;
/// First byte of every other blob.
pub const KIND_MESSAGE: u8 = 0x02;

/// The most messages that one message may skip in a chain.
pub const MAX_SKIP: u32 = 1_000;
/// The most messages of a new chain that may be lost before the first one that arrives; keys of the newest
/// [`MAX_SKIP`] are kept. Refusing earlier would end the session: only a message that opens lets anybody turn.
pub const MAX_FORWARD: u32 = 25_000;
/// The most skipped keys that a session keeps; the oldest go first.
pub const MAX_SKIP_SESSION: usize = 2_000;
/// The most past receiving chains that a session keeps.
pub const MAX_CHAINS: usize = 5;
/// The most sessions that a contact has.
pub const MAX_SESSIONS: usize = 4;

/// One day in milliseconds.
pub const DAY: u64 = 24 * 60 * 60 * 1000;
/// A prekey is replaced when it is this old.
pub const PREKEY_ROTATE: u64 = 7 * DAY;
/// A prekey is refused when it is this old.
pub const PREKEY_REFUSE: u64 = 30 * DAY;
/// A prekey is refused when it is this far in the future.
pub const PREKEY_FUTURE: u64 = DAY;
/// A prekey's private half is deleted when it is this old: 30 days after it is refused.
pub const PREKEY_DELETE: u64 = PREKEY_REFUSE + 30 * DAY;
/// A skipped message's key is deleted after this long.
pub const SKIPPED_DELETE: u64 = 30 * DAY;
/// One-time prekeys that a client keeps at the relay.
pub const ONE_TIME_STOCK: usize = 100;

/// The smallest padded size in bytes; the others are this times a power of two.
pub const PAD_MIN: usize = 512;
/// The largest padded size in bytes: 128 KiB.
pub const PAD_MAX: usize = 131_072;
