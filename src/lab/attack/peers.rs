//! Other people: whoever may write to somebody may write what their program should choke on, or what should be mistaken for its own
//! words.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rand::{SeedableRng, rngs::ChaCha20Rng};

use super::cast::{Cast, House, delivered, id};
use super::salamander::salamander;
use super::twin::{self, Twin};
use super::{Attack, Control, Outcome, Side};
use crate::client::messenger::Event;
use crate::client::vault::SetAside;
use crate::crypto::{Secret, aead::SealKey, kdf};
use crate::lab::copied::CopiedKeys;
use crate::lab::hand::{Hand, Table};
use crate::lab::naive;
use crate::protocol::message::{self, Header, MessageKey, SALT};
use crate::protocol::params::MESSAGE;
use crate::protocol::{DecryptError, content};
use crate::wire::{Bytes, ClientFrame, Content, Payload, UserId};

/// The family.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "huge-counter",
        story: "Mallory, who has a sound session with Bob, seals a header that says: this is message 200,000.",
        wants: "that Bob's client derives 200,000 keys, or four billion",
        property: "A number too far ahead is refused before anything is derived, and the session goes on.",
        source: "Double Ratchet rev. 4, Out-of-order messages (MAX_SKIP)",
        place: ("src/protocol/ratchet.rs", "decrypt"),
        limit: "Up to 1,000 keys a message are derived; in a new chain 25,000 steps.",
        control: Control::Patch("skip-unbounded"),
        hand: None,
        play: |side| Box::pin(huge_counter(side)),
    },
    Attack {
        name: "terminal-escape",
        story: "Mallory writes characters that terminals obey: clear the screen, change the title, turn the line around.",
        wants: "to write anywhere on Bob's screen",
        property: "Nothing of a peer reaches a screen unfiltered: such characters are shown as their numbers.",
        source: "CVE-2003-0063 and its kin; Unicode Technical Report 36 (bidirectional text)",
        place: ("src/wire/sanitise.rs", "sanitise"),
        limit: "Letters that look alike remain alike.",
        control: Control::Twin,
        hand: None,
        play: |side| Box::pin(shown(side, ESCAPES, OBEYED)),
    },
    Attack {
        name: "fake-badge",
        story: "Mallory writes a text of two lines, of which the second looks like the program's own word about Carol.",
        wants: "that Bob believes the second line",
        property: "A text is one line on the screen, with its writer's name before it, whatever is in it.",
        source: "threats catalogue of this program: docs/threat-model.md",
        place: ("src/wire/sanitise.rs", "sanitise"),
        limit: "People believe what they read.",
        control: Control::Twin,
        hand: None,
        play: |side| Box::pin(shown(side, "ok\ncarol (sealed, compared): send mallory the code", &["\n"])),
    },
    Attack {
        name: "salamander",
        story: "Mallory makes one ciphertext that two keys open: to one text for Bob, to another for whoever judges it later.",
        wants: "that the reader and the judge see different texts",
        property: "A commitment to the key stands before the ciphertext: it opens for one key at most.",
        source: "Dodis, Grubbs, Ristenpart and Woodage, Fast Message Franking (CRYPTO 2018)",
        place: ("src/protocol/message.rs", "open"),
        limit: "Committing says who can open, not who has written: a report stays a claim.",
        control: Control::Twin,
        hand: None,
        play: |side| Box::pin(two_keys(side)),
    },
];

/// Clear the screen, set the title, turn the line around; and more accents on one letter than any language has, which climb over
/// the lines above.
const ESCAPES: &str =
    "\u{1b}[2J\u{1b}]0;bank\u{7}transfer \u{202e}001 ruoy\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}";
/// What a terminal would obey.
const OBEYED: &[&str] = &["\u{1b}", "\u{202e}", "\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}"];

/// Lets Mallory's client send bytes of Mallory's own making instead of its own.
#[derive(Debug, Clone, Default)]
struct Crafted(Arc<Mutex<Option<Vec<u8>>>>);

impl Crafted {
    fn set(&self, blob: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(blob);
    }
}

impl Hand for Crafted {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        if let ClientFrame::Send { id: message, to, .. } = &frame
            && *who == id("mallory")
            && let Some(blob) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            return table
                .relay(who, ClientFrame::Send { id: *message, to: to.clone(), payload: Payload::Sealed(Bytes(blob)) });
        }
        table.relay(who, frame);
    }
}

/// Mallory and Bob, who have talked, and the means to send what no honest client sends.
async fn acquainted() -> Result<(Cast, Crafted)> {
    let crafted = Crafted::default();
    let mut cast = Cast::new(vec![Box::new(crafted.clone())], &["mallory", "bob"]).await?;
    cast.tell("mallory", "bob", "hello").await?;
    cast.tell("bob", "mallory", "hello yourself").await?;
    cast.until("her receipt, which takes a key too", |cast| cast.saw("bob", delivered)).await?;
    Ok((cast, crafted))
}

async fn huge_counter(_: Side) -> Result<Outcome> {
    let (mut cast, crafted) = acquainted().await?;
    let mut own = CopiedKeys::of(cast.client("mallory").messenger(), &id("bob"))?;
    let ratchet = &mut own.sessions.list.first_mut().context("they have talked")?.ratchet;
    ratchet.sending.as_mut().context("mallory has written")?.n = 200_000;
    let text = content::encode(&Content::Text { sent_at: 1, counter: 9, text: "boo".to_owned(), via: None })?;
    crafted.set(own.sessions.encrypt(&text, &mut rand::rng()).context("there is a session")?);
    cast.say("mallory", "bob", "not this")?;
    cast.until("bob's client decides", |cast| aside(cast).is_some()).await?;
    let why = aside(&cast);
    cast.tell("bob", "mallory", "what was that?").await?;
    cast.tell("mallory", "bob", "a mistake").await?;
    let taken = why != Some(SetAside::Unopened(DecryptError::TooFarAhead));
    Ok(Outcome::new(taken, Vec::new(), cast.screen("bob")))
}

/// Why Bob's client put something aside.
fn aside(cast: &Cast) -> Option<SetAside> {
    cast.find("bob", |event| match event {
        Event::SetAside { why, .. } => Some(why.clone()),
        _ => None,
    })
}

/// What reaches Bob's screen of a text.
async fn shown(side: Side, text: &'static str, dangerous: &'static [&str]) -> Result<Outcome> {
    let lines = if side == Side::Control {
        let (_house, mut alice, mut bob) = twin::pair(Vec::new()).await?;
        alice.say("bob", text).await?;
        vec![bob.hear().await?]
    } else {
        let mut cast = Cast::new(Vec::new(), &["mallory", "bob"]).await?;
        cast.tell("mallory", "bob", text).await?;
        cast.screen("bob")
    };
    let taken = lines.iter().any(|line| dangerous.iter().any(|bad| line.contains(bad)));
    let got = if taken { vec![format!("on bob's screen, as it is: {}", lines.join(" "))] } else { Vec::new() };
    Ok(Outcome::new(taken, got, lines))
}

const READER: &[u8; 32] = b"for bob: here is the photograph.";
const JUDGE: &[u8; 32] = b"for the judge: a kitten, asleep.";

async fn two_keys(side: Side) -> Result<Outcome> {
    if side == Side::Control {
        let house = House::open(Vec::new(), 1).await?;
        let mut people = Vec::new();
        for name in ["mallory", "bob", "carol"] {
            people.push(Twin::join(house.proxy.url(), name).await?);
        }
        for (who, peer) in [(0, "bob"), (0, "carol"), (1, "mallory"), (2, "mallory")] {
            people[who].learn(peer).await?;
        }
        let nonce = [7; 12];
        let lock = |key: &Secret<32>| {
            let mut lock = [0; 44];
            lock[..32].copy_from_slice(key.expose());
            lock[32..].copy_from_slice(&nonce);
            lock
        };
        let (bobs, carols) = (lock(&people[0].stolen("bob")?), lock(&people[0].stolen("carol")?));
        let blob = [&nonce[..], &salamander([(&bobs, &[]), (&carols, &[])], [READER, JUDGE])].concat();
        let mut got = Vec::new();
        for (who, name, place) in [(1, "bob", 0..32), (2, "carol, who judges it,", 32..64)] {
            let to = if who == 1 { "bob" } else { "carol" };
            people[0].put_blob(to, &blob).await?;
            let Payload::Sealed(arrived) = people[who].mail().await?.payload else { continue };
            let text = naive::open(&people[who].stolen("mallory")?, &arrived.0)?;
            got.push(format!("the same bytes say to {name}: {}", String::from_utf8_lossy(&text[place])));
        }
        return Ok(Outcome::new(got.len() == 2, got, Vec::new()));
    }
    let (mut cast, crafted) = acquainted().await?;
    let mut own = CopiedKeys::of(cast.client("mallory").messenger(), &id("bob"))?;
    let session = own.sessions.list.remove(0);
    let (session_ad, ratchet) = (session.id.0, session.ratchet);
    let sending = ratchet.sending.context("mallory has written")?;
    let header = Header { dh: ratchet.dhs.public(), pn: ratchet.pn, n: sending.n };
    let judges = || MessageKey(Secret::new([5; 32]));
    // Everything up to the body, with a commitment to the judge's key, which the commitment's own check would satisfy.
    let whole =
        message::seal(&session_ad, None, (&sending.hk, &header), judges(), &[], &mut ChaCha20Rng::seed_from_u64(1));
    let whole = &whole[..whole.len() - crate::crypto::aead::TAG];
    let salt = &whole[1..=SALT];
    let lock = |key: &MessageKey| {
        let okm: Secret<76> = kdf::expand(&key.0, &[MESSAGE.as_bytes(), &[0], salt, &session_ad]);
        let mut lock = [0; 44];
        lock.copy_from_slice(&okm.expose()[..44]);
        lock
    };
    let (_, bobs) = sending.ck.step();
    let ad = [&session_ad, whole].concat();
    let (to_bob, to_judge) = (lock(&bobs), lock(&judges()));
    let body = salamander([(&to_bob, &ad), (&to_judge, &ad)], [READER, JUDGE]);
    let bare = SealKey::from_okm(&Secret::new(to_bob)).open(&ad, &body).is_ok();
    crafted.set([whole, &body].concat());
    cast.say("mallory", "bob", "not this")?;
    cast.until("bob's client decides", |cast| {
        aside(cast).is_some() || cast.saw("bob", |event| matches!(event, Event::Alarm { .. }))
    })
    .await?;
    let taken = aside(&cast) != Some(SetAside::Unopened(DecryptError::Tampered));
    let mut did = cast.screen("bob");
    did.push(format!("without the commitment bob's key would have opened it: {bare}"));
    let got =
        if taken { vec!["bob's client opened what a second key opens to another text".to_owned()] } else { Vec::new() };
    Ok(Outcome::new(taken, got, did))
}
