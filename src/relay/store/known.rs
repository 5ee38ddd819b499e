//! What the writer knows by heart, so that a message costs one row and not six.
//!
//! Question: whose number is this name, and how much waits in that mailbox? Why ask the database each time?
//! There is one writer, so what it has read or written stays true until it writes again. Names never lose their number. How much waits is
//! counted from the mailbox when it is first asked for, and kept up from then on. If a transaction fails, all is forgotten and
//! read again: the rows are the truth.
//!
//! ```text
//! users     name → number
//! waiting   recipient's number → messages and bytes that wait, all and by sender
//! ```

use std::collections::HashMap;

use crate::wire::UserId;

/// The most of each that is kept; then it is begun anew.
const MOST: usize = 100_000;

/// A memory of rows; see the file.
#[derive(Debug, Default)]
pub(super) struct Known {
    users: HashMap<UserId, i64>,
    waiting: HashMap<i64, Waiting>,
}

/// What waits in one mailbox.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) all: Load,
    by_sender: HashMap<i64, Load>,
}

/// Messages, and bytes of text or blob.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Known {
    /// The number of a name, if it is known or can be read. A name without one is not remembered: it may register.
    pub(super) fn user<E>(
        &mut self,
        name: &UserId,
        read: impl FnOnce() -> Result<Option<i64>, E>,
    ) -> Result<Option<i64>, E> {
        if let Some(n) = self.users.get(name) {
            return Ok(Some(*n));
        }
        let found = read()?;
        if let Some(n) = found {
            begin_anew_if_full(&mut self.users);
            self.users.insert(name.clone(), n);
        }
        Ok(found)
    }

    /// What waits for a recipient, known or counted.
    pub(super) fn waiting<E>(
        &mut self,
        recipient: i64,
        count: impl FnOnce() -> Result<Waiting, E>,
    ) -> Result<&mut Waiting, E> {
        if !self.waiting.contains_key(&recipient) {
            begin_anew_if_full(&mut self.waiting);
            self.waiting.insert(recipient, count()?);
        }
        Ok(self.waiting.entry(recipient).or_default())
    }
}

impl Waiting {
    /// Of one sender.
    pub(super) fn of(&self, sender: i64) -> Load {
        self.by_sender.get(&sender).copied().unwrap_or_default()
    }

    /// So much more waits.
    pub(super) fn add(&mut self, sender: i64, more: Load) {
        for load in [&mut self.all, self.by_sender.entry(sender).or_default()] {
            load.messages += more.messages;
            load.bytes += more.bytes;
        }
    }

    /// One message less.
    pub(super) fn take(&mut self, sender: i64, bytes: u64) {
        let own = self.by_sender.entry(sender).or_default();
        for load in [&mut self.all, &mut *own] {
            load.messages = load.messages.saturating_sub(1);
            load.bytes = load.bytes.saturating_sub(bytes);
        }
        if own.messages == 0 {
            self.by_sender.remove(&sender);
        }
    }
}

fn begin_anew_if_full<K, V>(map: &mut HashMap<K, V>) {
    if map.len() >= MOST {
        map.clear();
    }
}
