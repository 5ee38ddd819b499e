//! A person: a messenger over a vault file, and a line to the relay that can break at any frame.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use blindrelay::client::messenger::Messenger;
use blindrelay::client::vault::Vault;
use blindrelay::wire::{ClientFrame, RelayFrame, UserId};
use rand::{SeedableRng, rngs::ChaCha20Rng};

pub struct Person {
    pub id: UserId,
    vault: PathBuf,
    /// None only while a restart is under way.
    messenger: Option<Messenger>,
    pub dice: ChaCha20Rng,
    pub line: Option<Line>,
}

/// A connection: what is under way in either direction is lost when it breaks.
#[derive(Default)]
pub struct Line {
    pub up: VecDeque<ClientFrame>,
    pub down: VecDeque<RelayFrame>,
    pub welcomed: bool,
    pub handed: BTreeSet<u64>,
}

impl Person {
    pub fn new(name: &str, home: &Path, seed: u64, now: u64) -> Self {
        let vault = home.join(name).join("vault.db");
        let dice = ChaCha20Rng::seed_from_u64(seed);
        let mut person = Self { id: name.parse().unwrap(), vault, messenger: None, dice, line: None };
        person.open(now);
        person
    }

    pub fn messenger(&mut self) -> (&mut Messenger, &mut ChaCha20Rng) {
        (self.messenger.as_mut().unwrap(), &mut self.dice)
    }

    pub fn connect(&mut self) {
        let hello = self.messenger().0.hello();
        self.line = Some(Line { up: [hello].into(), ..Line::default() });
    }

    pub fn disconnect(&mut self) {
        self.line = None;
        self.messenger().0.disconnected();
    }

    /// The program ends, cleanly or not, and is started again. What it had not saved is gone. `meddle` is done to the file
    /// in between.
    pub fn restart(&mut self, clean: bool, meddle: impl FnOnce(&Path), now: u64) {
        self.line = None;
        let messenger = self.messenger.take().unwrap();
        if clean {
            messenger.close().unwrap();
        } else {
            drop(messenger);
        }
        meddle(&self.vault);
        self.open(now);
    }

    /// The vault's file as it is now. Between steps there is nothing in its journal.
    pub fn copy(&self) -> Vec<u8> {
        std::fs::read(&self.vault).unwrap()
    }

    fn open(&mut self, now: u64) {
        let vault = Vault::open(&self.vault, &self.id, None, &mut self.dice).unwrap();
        self.messenger = Some(Messenger::open(vault, now, &mut self.dice).unwrap());
    }
}
