//! The smallest whole use of the library: two people, a relay between them, one sealed message.
//!
//! ```text
//! cargo run --example hello
//! ```

use anyhow::{Context, Result};
use blindrelay::client::{Client, messenger::Event, vault::Vault};
use blindrelay::clock::Clock;
use blindrelay::relay::{Limits, Relay, Store};
use blindrelay::wire::{RelayUrl, Token, UserId};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    // The middle: a relay in this process, on a free port, with its mail in memory.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url: RelayUrl = format!("ws://{}", listener.local_addr()?).parse()?;
    let operator = Token::random(&mut rand::rng());
    let relay = Relay::start(Store::in_memory(false)?, Clock::system(), Limits::default(), operator.hash());
    tokio::spawn(relay.clone().serve(listener, relay.router(), std::future::pending()));

    // The ends: each makes its keys, connects, and leaves prekeys at the relay.
    let (alice, bob): (UserId, UserId) = ("alice".parse()?, "bob".parse()?);
    let open = |user| -> Result<Client> {
        let vault = Vault::in_memory(user, &mut rand::rng())?;
        Ok(Client::open(vault, &url, Clock::system())?)
    };
    let (mut at_alice, mut at_bob) = (open(&alice)?, open(&bob)?);
    at_alice.converse(&bob, false)?;
    at_alice.send(&bob, "hello, bob")?;
    println!("alice typed: hello, bob");

    // A client does its work while somebody waits for its next event.
    let message = loop {
        tokio::select! {
            event = at_alice.next() => { event?.context("the relay refuses alice")?; }
            event = at_bob.next() => {
                if let Event::Message { message, .. } = event?.context("the relay refuses bob")? {
                    break message;
                }
            }
        }
    };
    let (seen, _) = relay.sightings().since(0);
    let blob = serde_json::to_string(&seen[0].payload)?;
    println!("the relay saw: {} to {}, {} bytes: {:.50}…", seen[0].from, seen[0].to, seen[0].size, blob);
    println!("bob read: {}", message.text);
    let number = at_bob.messenger().safety_number(&alice)?.context("bob knows alice's key")?;
    assert_eq!(at_alice.messenger().safety_number(&bob)?, Some(number.clone()));
    println!("both compare: {number:#}");
    Ok(())
}
