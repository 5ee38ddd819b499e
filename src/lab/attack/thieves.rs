//! Thieves: somebody copies what a device has. What of yesterday, what of tomorrow, what of the copy itself?

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::cast::{Cast, delivered, id, text_of};
use super::twin;
use super::{Attack, Control, MOMENT, Outcome, Side};
use crate::client::messenger::{Alarm, Event};
use crate::clock::Clock;
use crate::lab::copied::CopiedKeys;
use crate::lab::naive;
use crate::protocol::message::OVERHEAD;
use crate::wire::{ClientFrame, Payload};

/// The family.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "steal-vault-then-read-yesterday",
        story: "Bob's device is copied today. The thief has every blob that the relay ever carried to Bob.",
        wants: "yesterday's messages",
        property: "The key of a message that was read is gone from the device, file included: no old blob opens. After /forget the \
                   text is gone too.",
        source: "Double Ratchet rev. 4, Security considerations (forward secrecy)",
        place: ("src/protocol/ratchet.rs", "step"),
        limit: "Texts stay in the vault until /forget: without it the thief reads them there.",
        control: Control::Twin,
        hand: None,
        play: |side| Box::pin(yesterday(side)),
    },
    Attack {
        name: "steal-vault-before-and-heal",
        story: "Bob's device is copied, and he goes on using it. The thief tries everything that comes after.",
        wants: "tomorrow's messages",
        property: "When each has answered the other once, the copy opens nothing any more.",
        source: "Double Ratchet rev. 4, Security considerations (recovery from compromise)",
        place: ("src/protocol/ratchet.rs", "turn"),
        limit: "What comes before the answers opens. Who also writes in Bob's name, with his identity key, begins a session anew.",
        control: Control::Twin,
        hand: None,
        play: |side| Box::pin(tomorrow(side)),
    },
    Attack {
        name: "copy-vault",
        story: "Alice's vault is restored from a copy, and seals its next message at a step of the ratchet that was used already.",
        wants: "two texts under one key: their difference shows",
        property: "A random salt goes into every key, so no two texts share one; Bob's client is alarmed at once.",
        source: "Double Ratchet rev. 4, Recovery from compromise; RFC 8439, section 4 (nonces)",
        place: ("src/protocol/message.rs", "seal"),
        limit: "Bob cannot read what was sealed at a used step. /reset mends it.",
        control: Control::Patch("salt-constant"),
        hand: None,
        play: |side| Box::pin(copy(side)),
    },
];

/// What a thief reads of naive blobs.
fn opened(key: &crate::crypto::Secret<32>, sent: &[ClientFrame]) -> Vec<String> {
    let text = |frame: &ClientFrame| match frame {
        ClientFrame::Send { payload: Payload::Sealed(blob), .. } => {
            String::from_utf8(naive::open(key, &blob.0).ok()?).ok()
        }
        _ => None,
    };
    sent.iter().filter_map(text).collect()
}

async fn yesterday(side: Side) -> Result<Outcome> {
    let said = ["the will is in the safe", "the number is 4711"];
    if side == Side::Control {
        let (_house, mut alice, mut bob) = twin::pair(Vec::new()).await?;
        let mut sent = Vec::new();
        for text in said {
            sent.push(alice.say("bob", text).await?);
            bob.hear().await?;
        }
        let got = opened(&bob.stolen("alice")?, &sent);
        return Ok(Outcome::new(got == said, got, vec!["one key opens all that was ever recorded".to_owned()]));
    }
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("bob.vault");
    let mut cast = Cast::strangers(Vec::new(), &["alice"]).await?;
    cast.join_at("bob", &path, Clock::system()).await?;
    cast.client("alice").converse(&id("bob"), false)?;
    cast.client("bob").converse(&id("alice"), false)?;
    for text in said {
        cast.tell("alice", "bob", text).await?;
    }
    let mut thief = CopiedKeys::of(cast.client("bob").messenger(), &id("alice"))?;
    let (now, blobs) = (Clock::system().now(), cast.blobs("alice", "bob"));
    let mut by_key: Vec<String> = blobs.iter().filter_map(|blob| text_of(thief.open_anew(blob, now)?)).collect();
    by_key.extend(blobs.iter().filter_map(|blob| text_of(thief.open(blob, now)?)));
    thief.rewind();
    by_key.extend(blobs.iter().filter_map(|blob| text_of(thief.open(blob, now)?)));
    let in_file = |path: &Path| -> Result<usize> {
        let bytes = fs::read(path)?;
        Ok(said.iter().filter(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes())).count())
    };
    let before = in_file(&path)?;
    cast.client("bob").messenger().forget(u64::MAX >> 1)?;
    let after = in_file(&path)?;
    let did = vec![
        format!("of {} recorded blobs the stolen keys opened {}", blobs.len(), by_key.len()),
        format!("texts that stood in bob's vault: {before} before /forget, {after} after it"),
    ];
    let taken = !by_key.is_empty() || after > 0;
    by_key.extend(said[..before.min(2)].iter().map(|text| format!("from the vault, before /forget: {text}")));
    Ok(Outcome::new(taken, by_key, did))
}

async fn tomorrow(side: Side) -> Result<Outcome> {
    let said = ["tomorrow at nine", "at the usual place", "bring the key"];
    if side == Side::Control {
        let (_house, mut alice, mut bob) = twin::pair(Vec::new()).await?;
        let stolen = bob.stolen("alice")?;
        let mut sent = Vec::new();
        for text in said {
            sent.push(alice.say("bob", text).await?);
            bob.hear().await?;
            bob.say("alice", "yes").await?;
            alice.hear().await?;
        }
        let got = opened(&stolen, &sent);
        return Ok(Outcome::new(got == said, got, vec!["the key never changes".to_owned()]));
    }
    let mut cast = Cast::new(Vec::new(), &["alice", "bob"]).await?;
    cast.tell("alice", "bob", "hello").await?;
    cast.tell("bob", "alice", "hello yourself").await?;
    cast.wait(MOMENT).await; // receipts too are on their way, and turn the ratchet
    let (mut thief, before) =
        (CopiedKeys::of(cast.client("bob").messenger(), &id("alice"))?, cast.blobs("alice", "bob").len());
    for text in said {
        cast.tell("alice", "bob", text).await?;
        cast.tell("bob", "alice", "yes").await?;
    }
    let now = Clock::system().now();
    let blobs = cast.blobs("alice", "bob").split_off(before);
    let got: Vec<String> = blobs.iter().filter_map(|blob| text_of(thief.open(blob, now)?)).collect();
    let taken = got.iter().any(|text| text == said[2]);
    let did = vec![format!("of {} blobs after the theft the copy opened {}", blobs.len(), got.len())];
    Ok(Outcome::new(taken, got, did))
}

async fn copy(_: Side) -> Result<Outcome> {
    let dir = tempfile::tempdir()?;
    let (path, backup) = (dir.path().join("alice.vault"), dir.path().join("backup.vault"));
    let mut cast = Cast::strangers(Vec::new(), &["bob"]).await?;
    cast.join_at("alice", &path, Clock::system()).await?;
    cast.client("bob").converse(&id("alice"), false)?;
    cast.tell("alice", "bob", "hello").await?;
    cast.tell("bob", "alice", "hello yourself").await?;
    cast.wait(MOMENT).await;
    cast.leave("alice").await?;
    fs::copy(&path, &backup)?;
    let before = cast.blobs("alice", "bob").len();
    for (path, text) in [(&path, "we attack at dawn"), (&backup, "we do not attack")] {
        cast.join_at("alice", path, Clock::system()).await?;
        let left = cast.blobs("alice", "bob").len();
        cast.say("alice", "bob", text)?;
        cast.until("it left", |cast| cast.blobs("alice", "bob").len() > left).await?;
        if text == "we attack at dawn" {
            // The receipt must not wait for the copy: it would turn the ratchet.
            cast.until("its receipt", |cast| cast.saw("alice", delivered)).await?;
            cast.leave("alice").await?;
        }
    }
    let alarm = |event: &Event| matches!(event, Event::Alarm { alarm: Alarm::CounterReused, .. });
    cast.until("bob's client decides", |cast| cast.saw("bob", alarm) || cast.heard("bob").len() > 2).await?;
    let blobs = cast.blobs("alice", "bob").split_off(before);
    // Both texts are short: from here on both are padding, and under one key both would look alike.
    let padding = |blob: &Vec<u8>| blob[OVERHEAD - 16 + 256..OVERHEAD - 16 + 512].to_vec();
    let repeated = blobs.len() == 2 && padding(&blobs[0]) == padding(&blobs[1]);
    let alarmed = cast.saw("bob", alarm);
    let got = if repeated { vec!["the difference of the two texts".to_owned()] } else { Vec::new() };
    Ok(Outcome::new(repeated || !alarmed, got, cast.screen("bob")))
}
