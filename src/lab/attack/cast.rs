//! The cast of a lesson: a relay in this process, the lying proxy before it, and real clients of people who use it.
//!
//! Everything goes through sockets of this machine. Vaults are in memory unless a thief is to find a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::client::contacts::Contact;
use crate::client::messenger::Event;
use crate::client::vault::{StoredMessage, StoredState, Vault};
use crate::clock::Clock;
use crate::lab::hand::{Hand, Note};
use crate::lab::proxy::{Proxy, Seen};
use crate::relay::{Limits, Relay, Store};
use crate::wire::{Content, Payload, RelayUrl, UserId};

/// Whatever is waited for happens within this time.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How often a condition is looked at that no event announces.
const LOOK: Duration = Duration::from_millis(5);

/// A relay behind a lying proxy.
#[derive(Debug)]
pub(super) struct House {
    pub(super) proxy: Proxy,
    notes: UnboundedReceiver<Note>,
    _stop: oneshot::Sender<()>,
}

/// The house, and the people in it.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) house: House,
    people: BTreeMap<&'static str, Person>,
}

/// A person's client, and all that it has shown.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) client: Client,
    pub(super) events: Vec<Event>,
}

impl House {
    /// Opens it. The relay allows what a relay allows by default.
    pub(super) async fn open(hands: Vec<Box<dyn Hand>>, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let upstream: RelayUrl = format!("ws://{}", listener.local_addr()?).parse()?;
        let relay = Relay::start(Store::in_memory(false)?, Clock::system(), Limits::default(), [0; 32]);
        let (stop, stopped) = oneshot::channel::<()>();
        let app = relay.router();
        tokio::spawn(relay.serve(listener, app, async { drop(stopped.await) }));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (proxy, notes) = Proxy::start(listener, upstream, hands, seed, Clock::system())?;
        Ok(Self { proxy, notes, _stop: stop })
    }

    /// The attacker's notes since last asked.
    pub(super) fn notes(&mut self) -> Vec<Note> {
        std::iter::from_fn(|| self.notes.try_recv().ok()).collect()
    }

    /// What the attacker got since last asked.
    pub(super) fn loot(&mut self) -> Vec<String> {
        let got = |note| if let Note::Got(text) = note { Some(text) } else { None };
        self.notes().into_iter().filter_map(got).collect()
    }
}

impl Cast {
    /// A house with these people in it: each has joined, and opened a sealed conversation with each other.
    pub(super) async fn new(hands: Vec<Box<dyn Hand>>, names: &[&'static str]) -> Result<Self> {
        let mut cast = Self::strangers(hands, names).await?;
        cast.converse(names, false)?;
        Ok(cast)
    }

    /// The same with open conversations.
    pub(super) async fn open(hands: Vec<Box<dyn Hand>>, names: &[&'static str]) -> Result<Self> {
        let mut cast = Self::strangers(hands, names).await?;
        cast.converse(names, true)?;
        Ok(cast)
    }

    /// People who have joined and do not know each other.
    pub(super) async fn strangers(hands: Vec<Box<dyn Hand>>, names: &[&'static str]) -> Result<Self> {
        let mut cast = Self { house: House::open(hands, 1).await?, people: BTreeMap::new() };
        for name in names {
            cast.join(name, Clock::system()).await?;
        }
        Ok(cast)
    }

    fn converse(&mut self, names: &[&'static str], open: bool) -> Result<()> {
        for me in names {
            for peer in names.iter().filter(|peer| *peer != me) {
                self.client(me).converse(&id(peer), open)?;
            }
        }
        Ok(())
    }

    /// Somebody joins with a vault in memory, and their keys are at the relay.
    pub(super) async fn join(&mut self, name: &'static str, clock: Clock) -> Result<()> {
        let vault = Vault::in_memory(&id(name), &mut rand::rng())?;
        self.enter(name, vault, clock).await
    }

    /// Somebody joins, or comes back, with a vault in a file.
    pub(super) async fn join_at(&mut self, name: &'static str, path: &Path, clock: Clock) -> Result<()> {
        let vault = Vault::open(path, &id(name), None, &mut rand::rng())?;
        self.enter(name, vault, clock).await
    }

    async fn enter(&mut self, name: &'static str, vault: Vault, clock: Clock) -> Result<()> {
        let client = Client::open(vault, self.house.proxy.url(), clock)?;
        self.people.insert(name, Person { client, events: Vec::new() });
        let user = id(name);
        self.until("a connection", |cast| {
            cast.saw(name, |event| *event == Event::Online) && cast.house.proxy.has_published(&user)
        })
        .await
    }

    /// Somebody closes their client; their vault is left.
    pub(super) async fn leave(&mut self, name: &str) -> Result<()> {
        let person = self.people.remove(name).context("only who is there can leave")?;
        Ok(person.client.close().await?)
    }

    pub(super) fn person(&mut self, name: &str) -> &mut Person {
        self.people.get_mut(name).expect("a lesson names its own cast")
    }

    pub(super) fn client(&mut self, name: &str) -> &mut Client {
        &mut self.person(name).client
    }

    /// Types a line.
    pub(super) fn say(&mut self, name: &str, to: &str, text: &str) -> Result<()> {
        Ok(self.client(name).send(&id(to), text)?)
    }

    /// Types a line, and waits until the other one has read it.
    pub(super) async fn tell(&mut self, name: &str, to: &str, text: &str) -> Result<()> {
        let count = |cast: &Self| cast.heard(to).iter().filter(|heard| *heard == text).count();
        let before = count(self);
        self.say(name, to, text)?;
        self.until(text, |cast| count(cast) > before).await
    }

    /// Lets everybody's client run until this holds.
    pub(super) async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) -> Result<()> {
        self.until_mut(what, |cast| done(cast)).await
    }

    /// The same for what changes something when it is looked at.
    pub(super) async fn until_mut(&mut self, what: &str, done: impl FnMut(&mut Self) -> bool) -> Result<()> {
        if !self.within(PATIENCE, done).await {
            bail!("within {} seconds this did not happen: {what}", PATIENCE.as_secs());
        }
        Ok(())
    }

    /// Lets everybody's client run until this holds, or this time is over. Whether it holds.
    pub(super) async fn within(&mut self, time: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let deadline = Instant::now() + time;
        while !done(self) {
            if Instant::now() > deadline {
                return false;
            }
            // Nothing announces what the proxy sees: so it is looked at now and then.
            let _looked = timeout(LOOK, self.run()).await;
        }
        true
    }

    /// Lets everybody's client run for a while: for what should *not* happen and has nothing to be seen by.
    pub(super) async fn wait(&mut self, time: Duration) {
        self.within(time, |_| false).await;
    }

    /// The next event of anybody.
    async fn run(&mut self) {
        let next = std::future::poll_fn(|cx| {
            for (name, person) in &mut self.people {
                // Cancel safe: what a poll has begun and not finished waits in the client.
                let mut next = std::pin::pin!(person.client.next());
                if let Poll::Ready(event) = next.as_mut().poll(cx) {
                    return Poll::Ready((*name, event));
                }
            }
            Poll::Pending
        });
        match next.await {
            (name, Ok(Some(event))) => self.person(name).events.push(event),
            // Refused for good, or a vault in memory that fails: the lesson will not see what it waits for.
            _ => sleep(LOOK).await,
        }
    }

    fn events(&self, name: &str) -> &[Event] {
        self.people.get(name).map_or(&[], |person| person.events.as_slice())
    }

    /// Whether such a thing was shown to somebody.
    pub(super) fn saw(&self, name: &str, what: impl Fn(&Event) -> bool) -> bool {
        self.count(name, what) > 0
    }

    /// How often such a thing was shown to somebody.
    pub(super) fn count(&self, name: &str, what: impl Fn(&Event) -> bool) -> usize {
        self.events(name).iter().filter(|event| what(event)).count()
    }

    /// The first thing of a kind that was shown to somebody.
    pub(super) fn find<T>(&self, name: &str, what: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.events(name).iter().find_map(what)
    }

    /// Texts that somebody was shown, in order, with where they stood among the others.
    pub(super) fn messages(&self, name: &str) -> Vec<StoredMessage> {
        let message = |event: &Event| match event {
            Event::Message { message } => Some(message.clone()),
            _ => None,
        };
        self.events(name).iter().filter_map(message).collect()
    }

    /// Texts that somebody was shown, in order.
    pub(super) fn heard(&self, name: &str) -> Vec<String> {
        self.messages(name).into_iter().map(|message| message.text).collect()
    }

    /// What somebody's screen said, without news of the connection and of their own texts; ▲ before what is to alarm.
    pub(super) fn screen(&self, name: &str) -> Vec<String> {
        let quiet =
            |event: &&Event| !matches!(event, Event::Online | Event::CaughtUp | Event::State { .. } | Event::Joined(_));
        let sign = |event: &Event| match event {
            Event::KeyChanged(_) | Event::Blocked { .. } | Event::Alarm { .. } | Event::SetAside { .. } => "▲ ",
            _ => "",
        };
        let line = |event| format!("{name}'s screen: {}{event}", sign(event));
        self.events(name).iter().filter(quiet).map(line).collect()
    }

    /// Whether a text left anybody's client readable.
    pub(super) fn in_clear(&self, text: &str) -> bool {
        let readable = |seen: &Seen| match &seen.payload {
            Payload::Sealed(blob) => blob.0.windows(text.len()).any(|window| window == text.as_bytes()),
            Payload::Open(Content::Text { text: open, .. }) => open.contains(text),
            Payload::Open(Content::Receipt { .. }) => false,
        };
        self.house.proxy.seen().iter().any(readable)
    }

    /// The blobs that one handed over for the other, receipts among them.
    pub(super) fn blobs(&self, from: &str, to: &str) -> Vec<Vec<u8>> {
        let blob = |seen: Seen| match seen.payload {
            Payload::Sealed(blob) if seen.from == id(from) && seen.to == id(to) => Some(blob.0),
            _ => None,
        };
        self.house.proxy.seen().into_iter().filter_map(blob).collect()
    }

    /// What is on record about somebody's peer.
    pub(super) fn contact(&mut self, name: &str, peer: &str) -> Result<Contact> {
        self.client(name).messenger().rows().contact(&id(peer))?.context("they have met")
    }

    /// The safety number that somebody's client shows for a peer, 60 digits.
    pub(super) fn number(&mut self, name: &str, peer: &str) -> Result<Option<String>> {
        Ok(self.client(name).messenger().safety_number(&id(peer))?.map(|number| number.digits()))
    }
}

/// Whether a text of one's own was confirmed.
pub(super) fn delivered(event: &Event) -> bool {
    matches!(event, Event::State { state: StoredState::Delivered, .. })
}

/// A name.
pub(super) fn id(name: &str) -> UserId {
    name.parse().expect("names of lessons are names")
}

/// What a text says; none for a receipt.
pub(super) fn text_of(content: Content) -> Option<String> {
    match content {
        Content::Text { text, .. } => Some(text),
        Content::Receipt { .. } => None,
    }
}
