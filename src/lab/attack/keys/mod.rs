//! Attacks of a relay on the keys that it hands out: whoever hands out keys can hand out others.

mod hands;
mod plays;

use super::middle::Middle;
use super::{Attack, Control};
use crate::lab::hand::Hand;
use hands::{Drain, Eavesdrop, Offer, Strip};

/// A relay that gives out no one-time keys.
pub(super) fn withholding() -> Box<dyn Hand> {
    Box::new(Offer::new(hands::withhold))
}

/// The family.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "eavesdrop",
        story: "The relay carries every message, so it looks at every message. Nothing is altered and nobody can notice.",
        wants: "to read",
        property: "Only the two ends have keys: the relay has a blob.",
        source: "Double Ratchet rev. 4, Introduction",
        place: ("src/protocol/session.rs", "encrypt"),
        limit: "Who writes to whom, when, and which of nine sizes.",
        control: Control::Open,
        hand: Some(|| Box::new(Eavesdrop)),
        play: |side| Box::pin(plays::eavesdrop(side)),
    },
    Attack {
        name: "swap-keys-first",
        story: "Alice asks for Bob's keys for the first time. The relay gives her keys of its own, does the same to Bob, and passes \
                on what it has read. Both conversations are sealed, each with the wrong person.",
        wants: "to read and to write in Bob's name, unnoticed",
        property: "The two safety numbers differ: whoever compares them sees it.",
        source: "PQXDH rev. 3, Authentication",
        place: ("src/protocol/safety_number.rs", "between"),
        limit: "Until two people compare, the relay reads along. No cipher changes that.",
        control: Control::Twin,
        hand: Some(Middle::first),
        play: |side| Box::pin(plays::swap_first(side)),
    },
    Attack {
        name: "swap-keys-later",
        story: "Alice and Bob have talked and compared numbers. Then the relay gives Alice other keys as Bob's, as if he had bought \
                a new phone.",
        wants: "that Alice goes on writing, to the new keys",
        property: "The change is said aloud, the verified mark is gone, and nothing leaves until Alice has decided.",
        source: "PQXDH rev. 3, Authentication; Signal, There is no WhatsApp backdoor (2017), on blocking and not blocking",
        place: ("src/client/contacts.rs", "meet"),
        limit: "A peer who reinstalled looks exactly like this. Only comparing numbers tells the two apart.",
        control: Control::Twin,
        hand: Some(Middle::later),
        play: |side| Box::pin(plays::swap_later(side)),
    },
    Attack {
        name: "ghost-identity",
        story: "Besides Bob's identity the relay offers a second one, as if Bob had another device. Clients that write to all \
                devices write to the ghost.",
        wants: "a silent copy of every message",
        property: "A person has exactly one identity. Any other number is refused before anything is encrypted.",
        source: "Levy and Robinson, Principles for a More Informed Exceptional Access Debate (2018), the ghost proposal",
        place: ("src/protocol/prekeys.rs", "verify"),
        limit: "One identity means one device.",
        control: Control::Twin,
        hand: Some(|| Box::new(Offer::new(hands::ghost))),
        play: |side| Box::pin(plays::ghost(side)),
    },
    Attack {
        name: "mix-bundle",
        story: "The relay gives Bob's identity with a prekey of its own; or an identity of its own with a prekey in Bob's name; or \
                Alice's key as Bob's; or Bob's statement with one key exchanged.",
        wants: "a session that looks like Bob's and opens for the relay",
        property: "The identity signs the prekey; a bundle that does not hang together is refused before anything leaves.",
        source: "X3DH rev. 1, Signatures; PQXDH rev. 3, Sending the initial message",
        place: ("src/protocol/prekeys.rs", "verify"),
        limit: "None known.",
        control: Control::Patch("prekey-signature-unchecked"),
        hand: Some(|| Box::new(Offer::new(hands::mix))),
        play: |side| Box::pin(plays::mixed(side)),
    },
    Attack {
        name: "stale-prekey",
        story: "The relay keeps handing out Bob's oldest prekey, of which it may have come by the private half since.",
        wants: "first messages under a key that should be gone",
        property: "A prekey carries its date under the signature; after 30 days it is refused.",
        source: "X3DH rev. 1, Key compromise (on replacing prekeys)",
        place: ("src/protocol/prekeys.rs", "verify"),
        limit: "For 30 days an old prekey is as good as a new one. With `lab relay` the attack takes as long.",
        control: Control::Patch("prekey-age-unchecked"),
        hand: Some(|| Box::new(Offer::new(hands::stale))),
        play: |side| Box::pin(plays::stale(side)),
    },
    Attack {
        name: "wrong-purpose-prekey",
        story: "Somebody's key has signed an identity. The relay presents such a signature under a prekey.",
        wants: "that a signature given for one purpose serves another",
        property: "Every signature covers the name of its purpose, and every key its type.",
        source: "RFC 9420, section 5.1.2 (labels in signatures)",
        place: ("src/crypto/ed25519.rs", "verify"),
        limit: "None known.",
        control: Control::Patch("signature-without-purpose"),
        hand: Some(|| Box::new(Offer::new(hands::wrong_purpose))),
        play: |side| Box::pin(plays::refused(side, hands::wrong_purpose)),
    },
    Attack {
        name: "same-one-time-prekey-twice",
        story: "The relay gives one one-time key to two senders. Later it steals Bob's vault and tries what it recorded.",
        wants: "that Bob still has the private half when he is robbed",
        property: "The private half is deleted in the transaction of the first message that uses it.",
        source: "X3DH rev. 1, Key compromise; PQXDH rev. 3, Receiving the initial message",
        place: ("src/client/vault/keys.rs", "consume"),
        limit: "The second sender's first message is lost; they see no receipt, and /reset mends it.",
        control: Control::Patch("one-time-key-kept"),
        hand: Some(|| Box::new(Offer::new(hands::same_one_time))),
        play: |side| Box::pin(plays::same_one_time(side)),
    },
    Attack {
        name: "drain-prekeys",
        story: "Whoever asks for Bob's keys takes a one-time key away. So somebody asks 150 times.",
        wants: "that Bob has none left when Carol writes",
        property: "A user may ask 60 times at once and then twice a second; Bob has 100 keys and refills.",
        source: "X3DH rev. 1, Server trust (on draining)",
        place: ("src/relay/limits.rs", "allow"),
        limit: "The relay itself can withhold them all at once: see withhold-one-time-prekey. Many accounts can drain together.",
        control: Control::Patch("fetch-unlimited"),
        hand: Some(|| Box::new(Drain::default())),
        play: |side| Box::pin(plays::drain(side)),
    },
    Attack {
        name: "withhold-one-time-prekey",
        story: "The relay says that Bob has no one-time key left.",
        wants: "first messages that open again for whoever steals Bob's prekey later, unnoticed",
        property: "It is said on the screen. A first message that comes again begins nothing.",
        source: "PQXDH rev. 3, Sending the initial message; Replay",
        place: ("src/client/messenger/receive.rs", "keys"),
        limit: "The first message is then protected by the signed prekey alone, until that is deleted.",
        control: Control::Patch("withheld-unsaid"),
        hand: Some(|| Box::new(Offer::new(hands::withhold))),
        play: |side| Box::pin(plays::withhold(side)),
    },
    Attack {
        name: "unknown-key-share",
        story: "Alice asks for Carol's keys. The relay gives her Bob's, and delivers to Bob what she writes.",
        wants: "that Bob takes what was meant for Carol as meant for him",
        property: "The name is signed with the keys, and is part of every message's associated data and of the safety number.",
        source: "Blake-Wilson and Menezes, Unknown Key-Share Attacks on the Station-to-Station Protocol (1999)",
        place: ("src/protocol/prekeys.rs", "verify"),
        limit: "None known.",
        control: Control::Twin,
        hand: Some(|| Box::new(Offer::new(hands::key_share))),
        play: |side| Box::pin(plays::key_share(side)),
    },
    Attack {
        name: "downgrade-to-open",
        story: "The relay says that Bob has no keys, and writes to Alice in his name that his app cannot do encryption.",
        wants: "that Alice's client falls back to plain text",
        property: "Nothing is negotiated. Without keys the text is held; only Alice herself can open the conversation.",
        source: "RFC 7457, section 2.1 (stripping)",
        place: ("src/client/messenger/outgoing.rs", "dispatch"),
        limit: "Alice may believe the letter and type /mode open.",
        control: Control::Patch("default-open"),
        hand: Some(|| Box::new(Strip)),
        play: |side| Box::pin(plays::downgrade(side)),
    },
    Attack {
        name: "low-order-point",
        story: "The relay puts a point of small order in the place of the one-time key, which nobody has signed. Multiplied by any \
                private key it gives zero.",
        wants: "a contribution to the secret that everybody knows",
        property: "Every result of Diffie-Hellman is checked, and such a key is refused on sight.",
        source: "RFC 7748, section 6.1; Cremers and Jackson, Prime, Order Please! (2019)",
        place: ("src/crypto/x25519.rs", "check"),
        limit: "None known.",
        control: Control::Patch("contributory-unchecked"),
        hand: Some(|| Box::new(Offer::new(hands::low_order))),
        play: |side| Box::pin(plays::refused(side, hands::low_order)),
    },
    Attack {
        name: "weak-signature",
        story: "The relay makes an identity whose signing key is the neutral point. By the lax rule one signature then fits every \
                statement.",
        wants: "statements that everybody can sign",
        property: "Verification is strict: keys of small order are refused.",
        source: "RFC 8032, section 5.1.7; Chalkias, Garillot and Nikolaenko, Taming the Many EdDSAs (2020)",
        place: ("src/crypto/ed25519.rs", "verify_raw"),
        limit: "None known.",
        control: Control::Patch("signature-lax"),
        hand: Some(|| Box::new(Offer::new(hands::weak_signature))),
        play: |side| Box::pin(plays::refused(side, hands::weak_signature)),
    },
];
