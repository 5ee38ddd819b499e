//! # The relay: the middle, which carries everything and need not be trusted with any of it
//!
//! Question: what must somebody in the middle know to deliver mail to people who are offline?
//! Names, sizes and times. The relay keeps mail on disk until its reader has confirmed it, and hands out published keys, which
//! are opaque bytes to it. What a payload says it could read only if it is open. No cipher is built into this floor.
//!
//! ```text
//! socket ──Op──► store (one thread, one transaction a batch) ──committed, in order──► dispatcher ──► sightings
//!   ▲                                                                                  │  └──► mailbox ──► socket
//!   └──────────────────────────── Answer, after the commit ──────────────────────────┘
//! ```

mod archive;
mod limits;
mod mailbox;
mod routes;
mod sighting;
mod socket;
mod store;
mod tally;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use archive::{Archive, ArchivedMessage, NotPosted, Thread};
pub(crate) use limits::Rates;
pub use limits::{Limits, Rate};
pub use routes::SIGHTINGS;
pub(crate) use routes::bearer;
pub use sighting::{Sighting, Sightings};
pub use store::{Handled, LocalRelay, Removed, Store, StoreError};
pub use tally::{Mode, Pair, Tally};

use crate::clock::Clock;
use crate::wire::Token;
use mailbox::Mailboxes;
use store::Committed;

/// How long a stopping relay waits for its connections.
const FAREWELL: Duration = Duration::from_secs(3);

/// A running relay; clones share it.
#[derive(Debug, Clone)]
pub struct Relay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Clock,
    limits: Limits,
    rates: Rates<limits::Kind>,
    mailboxes: Mailboxes,
    sightings: Sightings,
    operator_token: [u8; 32],
    closing: watch::Sender<bool>,
}

impl Relay {
    /// Starts the dispatcher. `operator_token` is the SHA-256 of the token that opens the operator's endpoint.
    /// Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(mut store: Store, clock: Clock, limits: Limits, operator_token: [u8; 32]) -> Self {
        let committed = store.take_committed();
        let inner = Inner {
            store,
            clock,
            rates: Rates::default(),
            limits,
            mailboxes: Mailboxes::default(),
            sightings: Sightings::default(),
            operator_token,
            closing: watch::Sender::new(false),
        };
        let relay = Self(Arc::new(inner));
        if let Some(mut committed) = committed {
            let relay = Arc::downgrade(&relay.0);
            tokio::spawn(async move {
                while let Some(batch) = committed.recv().await {
                    let Some(relay) = relay.upgrade() else { return };
                    for envelope in batch.into_iter().filter_map(Committed::give_out) {
                        relay.sightings.record(&envelope);
                        relay.mailboxes.push(&envelope);
                    }
                }
                // The store has ended. Without it there is no relay, and whoever waits for its answers would wait for ever.
                if let Some(relay) = relay.upgrade() {
                    relay.closing.send_replace(true);
                }
            });
        }
        relay
    }

    /// The relay's routes: the WebSocket, a health check, the operator's view.
    pub fn router(&self) -> Router {
        routes::router(self.clone())
    }

    /// What the relay keeps, for whoever reads along.
    #[must_use]
    pub fn archive(&self) -> Archive {
        Archive::new(self.0.store.clone(), self.0.limits.clone())
    }

    /// What the relay saw, for its own views.
    #[must_use]
    pub fn sightings(&self) -> &Sightings {
        &self.0.sightings
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// Whether this is the operator's token.
    #[must_use]
    pub fn is_operator(&self, token: &Token) -> bool {
        token.hash() == self.0.operator_token
    }

    /// Turns true when the relay stops: what is open ends then.
    #[must_use]
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.subscribe()
    }

    /// How many clients are connected.
    #[must_use]
    pub fn online(&self) -> usize {
        self.0.mailboxes.online()
    }

    /// Serves until `shutdown`: then sockets are closed, and the store is flushed before this returns.
    /// `app` is [`Relay::router`], perhaps merged with what stands above the relay.
    pub async fn serve(self, listener: TcpListener, app: Router, shutdown: impl Future<Output = ()>) {
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.0.limits.hello);
        tokio::pin!(shutdown);
        loop {
            let stream = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    // Out of descriptors: those who are connected go on; a newcomer waits a little.
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let _best_effort = stream.set_nodelay(true);
            let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
            tokio::spawn(connection.with_upgrades());
        }
        drop(listener);
        self.0.closing.send_replace(true);
        let gone = async {
            while self.online() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _late = tokio::time::timeout(FAREWELL, gone).await;
        let store = self.0.store.clone();
        let _stopped = tokio::task::spawn_blocking(move || store.stop()).await;
    }
}
