//! The same tables as `cargo bench`, with peers in them: vodozemac beside the protocol, Redis beside the relay.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml -- protocol|relay [--quick]`

#[path = "../../ends/mod.rs"]
mod ends;
#[path = "../../measure.rs"]
mod measure;
#[path = "../../middle/mod.rs"]
mod middle;
mod redis;
mod vodozemac;

use std::path::Path;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", dir] => middle::server::serve(Path::new(dir)),
        ["protocol", more @ ..] => {
            ends::run(Some(&mut vodozemac::Olm::new()), more == ["--quick"]);
            Ok(())
        }
        ["relay", more @ ..] if redis::installed() => {
            let redis = middle::side::Started::<redis::Redis>::new()?;
            middle::run(Some(Box::new(redis)), more == ["--quick"])
        }
        ["relay", more @ ..] => {
            println!("redis-server is not installed: without a peer");
            middle::run(None, more == ["--quick"])
        }
        _ => bail!("say protocol or relay, perhaps with --quick"),
    }
}
