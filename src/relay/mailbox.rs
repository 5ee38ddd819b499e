//! Mailboxes of those who are online: how a stored message reaches a connection.
//!
//! Question: how does nothing get lost or reordered between "stored" and "delivered", slow readers included?
//! A connection is either up to date, and gets messages pushed, or it is behind, and reads pages from the store.
//! Starting, being slow and catching up are one mechanism: behind is set when a push does not fit or a page was full, and
//! cleared *before* a page is read, so whatever is stored meanwhile is in the page or in the channel. Pages come first: a
//! pushed message may be newer than mail that is still to be read. Numbers only rise; what comes twice is skipped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::wire::{Envelope, UserId};

/// How many pushed messages may wait for a connection.
const CHANNEL: usize = 64;

/// Who is online.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    online: Mutex<HashMap<UserId, Arc<Shared>>>,
    connections: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    number: u64,
    push: mpsc::Sender<Arc<Envelope>>,
    behind: AtomicBool,
    /// Told when `behind` is set, and when a newer connection takes over.
    wake: Notify,
    replaced: AtomicBool,
}

/// A connection's end of its mailbox. Dropping it takes the user offline.
#[derive(Debug)]
pub(super) struct Mailbox<'a> {
    all: &'a Mailboxes,
    user: UserId,
    shared: Arc<Shared>,
    pushed: mpsc::Receiver<Arc<Envelope>>,
}

/// What a mailbox has for its connection.
#[derive(Debug)]
pub(super) enum Mail {
    /// The next message.
    Pushed(Arc<Envelope>),
    /// Read pages from the store until one is empty.
    Behind,
    /// Another connection has taken this mailbox.
    Replaced,
}

impl Mailboxes {
    /// Takes the mailbox of a user; a connection that had it is told. It starts behind.
    pub(super) fn enter(&self, user: UserId) -> Mailbox<'_> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let (push, pushed) = mpsc::channel(CHANNEL);
        let (behind, replaced) = (AtomicBool::new(true), AtomicBool::new(false));
        let shared = Arc::new(Shared { number, push, behind, wake: Notify::new(), replaced });
        if let Some(older) = self.lock().insert(user.clone(), shared.clone()) {
            older.replaced.store(true, Ordering::SeqCst);
            older.wake.notify_one();
        }
        Mailbox { all: self, user, shared, pushed }
    }

    /// A message was committed. Called in the order of commits.
    pub(super) fn push(&self, envelope: &Arc<Envelope>) {
        let Some(shared) = self.lock().get(&envelope.to).cloned() else { return };
        if !shared.behind.load(Ordering::SeqCst) && shared.push.try_send(envelope.clone()).is_err() {
            shared.behind.store(true, Ordering::SeqCst);
            shared.wake.notify_one();
        }
    }

    pub(super) fn online(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Shared>>> {
        self.online.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox<'_> {
    /// What to do next. Cancel safe.
    pub(super) async fn next(&mut self) -> Mail {
        loop {
            if self.shared.replaced.load(Ordering::SeqCst) {
                return Mail::Replaced;
            }
            if self.shared.behind.load(Ordering::SeqCst) {
                return Mail::Behind;
            }
            tokio::select! {
                Some(envelope) = self.pushed.recv() => return Mail::Pushed(envelope),
                () = self.shared.wake.notified() => {}
            }
        }
    }

    /// From now on messages are pushed again. To be called before the page is asked for.
    pub(super) fn catching_up(&self) {
        self.shared.behind.store(false, Ordering::SeqCst);
    }

    /// The page was full: there may be more.
    pub(super) fn still_behind(&self) {
        self.shared.behind.store(true, Ordering::SeqCst);
    }
}

impl Drop for Mailbox<'_> {
    fn drop(&mut self) {
        let mut online = self.all.lock();
        if online.get(&self.user).is_some_and(|shared| shared.number == self.shared.number) {
            online.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{MessageId, Payload};

    #[tokio::test]
    async fn what_was_pushed_meanwhile_waits_for_the_pages_before_it() {
        let mailboxes = Mailboxes::default();
        let bob: UserId = "bob".parse().unwrap();
        let mail = |seq| {
            let (id, from, to) = (MessageId([0; 16]), "alice".parse().unwrap(), "bob".parse().unwrap());
            Arc::new(Envelope { seq, id, from, to, at: 0, payload: Payload::Sealed(vec![].into()) })
        };
        let mut mailbox = mailboxes.enter(bob);
        mailboxes.push(&mail(1)); // in the store alone: the connection starts behind
        assert!(matches!(mailbox.next().await, Mail::Behind));
        mailbox.catching_up();
        mailboxes.push(&mail(99));
        mailbox.still_behind();
        assert!(matches!(mailbox.next().await, Mail::Behind), "the page was full: what it left comes first");
        mailbox.catching_up();
        assert!(matches!(mailbox.next().await, Mail::Pushed(envelope) if envelope.seq == 99));
    }
}
